"""How much of a request a server takes, and what it says of an answer that nginx will not take.

What nginx lets through, every server takes. nginx is what bounds requests, by variables that
people set (OPENSHIFT_NGINX_MAX_LINE_SIZE and its like), and a server behind it must not be
narrower: its own refusal would be another one on each server, and nobody could set it.
Runs on Python 3.6 and newer, and 2.7.
"""

import importlib
import os
import sys
from email.parser import Parser

LONGEST_LINE = 2 << 20
"""No request line and no header is longer, in bytes: those variables end at 1 MiB, and nginx adds
an address to X-Forwarded-For."""

MOST_HEADERS = 20000
"""No request has more: that variable ends at 10,000, and nginx adds some."""

RESPONSE_HEAD = "OPENSHIFT_NGINX_MAX_RESPONSE_HEAD_SIZE"
_response_head = int(os.environ.get(RESPONSE_HEAD) or 0)
"""How many bytes of headers nginx takes from the app, if the cartridge has said so. An app's own
nginx.conf.erb may say otherwise."""


def read_headers(stream, message_class):
    """The headers of a request, as `http.client.parse_headers` reads them, which allows a hundred
    and has no parameter for more; and its parser is made for mail, and slow."""
    lines = []
    while not lines or lines[-1] not in (b"\r\n", b"\n", b""):
        lines.append(stream.readline(LONGEST_LINE))
    text = b"".join(lines).decode("iso-8859-1")
    headers = message_class()
    for line in text.rstrip("\r\n").split("\n"):
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            return Parser(_class=message_class).parsestr(text)  # none, or as nginx sends none
        headers[name] = value.strip(" \t\r")
    return headers


def widen_gevents():
    """Lets gevent's own server take as much. It has no parameters for its limits, and gunicorn has
    workers that are this server."""
    from gevent import pywsgi

    pywsgi.MAX_REQUEST_LINE = LONGEST_LINE
    if sys.version_info[0] > 2:  # Python 2 has no others

        def message_class(_handler, stream, *_):
            return read_headers(stream, pywsgi.OldMessage)

        pywsgi.WSGIHandler.MessageClass = message_class


class _Url(object):
    """One of a path and perhaps a query, which is all that nginx sends."""

    def __init__(self, url):
        self.path, _, self.query = url.partition(b"?")


class _Httptools(object):
    """The module httptools, but for its limit: it takes a URL apart with numbers of 16 bits."""

    def __init__(self, module):
        self._module = module
        self._parse_url = module.parse_url

    def parse_url(self, url):
        return self._parse_url(url) if len(url) < 1 << 16 else _Url(url)

    def __getattr__(self, name):
        return getattr(self._module, name)


def widen_uvicorns():
    """Lets what uvicorn reads requests with take as much, in versions that have no parameter for it:
    h11, httptools, and websockets, which reads the request for a WebSocket once more."""
    try:
        import h11

        h11.Connection.__init__.__defaults__ = (2 * LONGEST_LINE,)
    except (ImportError, AttributeError):
        pass
    try:
        from uvicorn.protocols.http import httptools_impl
    except ImportError:
        pass  # there is no httptools
    else:
        httptools_impl.httptools = _Httptools(httptools_impl.httptools)
    for module in ("websockets.http11", "websockets.legacy.http", "websockets.http"):
        try:
            reader = importlib.import_module(module)
        except ImportError:
            continue
        for name, limit in (
            ("MAX_LINE", LONGEST_LINE),
            ("MAX_LINE_LENGTH", LONGEST_LINE),
            ("MAX_HEADERS", MOST_HEADERS),
            ("MAX_NUM_HEADERS", MOST_HEADERS),
        ):
            if hasattr(reader, name):
                setattr(reader, name, limit)


def complaint_of_head(size):
    """What is to be said of an answer with so many bytes of headers in the log: all that nginx can say
    of too many is 502. Else None."""
    if not _response_head or size <= _response_head:
        return None
    return (
        "the answer has %d bytes of headers, but nginx takes %d, and answers 502 instead: send fewer"
        " or shorter ones (cookies, most often), or raise %s" % (size, _response_head, RESPONSE_HEAD)
    )
