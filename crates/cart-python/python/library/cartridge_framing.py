"""Keeps an app's mistakes about where its answer ends away from everybody else.

nginx sends the requests of many visitors over one connection. If an app answers HEAD with a
body, or with more or less than its Content-Length, then what stands on that connection is no
longer what nginx believes, and the next visitor gets it. Servers differ, also from version to
version, in what of this they let pass; so it is settled here, for all of them, before a server
sees it.

    application = framed(application)

What the app does wrong is said in the log (`wsgi.errors`), and costs its own answer only.
Needs only the standard library; runs on Python 3.6 and newer, and 2.7.
"""

import cartridge_limits
import cartridge_wsgi

BODILESS = (204, 304)
"""Statuses without a body (RFC 9112, 6.3)."""
HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "trailers",
    "transfer-encoding", "upgrade",
))
"""Headers about one connection, which is the server's business (PEP 3333, Other HTTP Features)."""


UNREAD_SECONDS = 5
"""How long to go on reading a body that the app left unread."""


class FramingError(Exception):
    """The answer cannot be sent as the app wants it. The server answers 500, or, when a part
    is sent already, closes the connection: so the client sees that the rest is missing."""


def asks_for_websocket(environ):
    """Whether a WebSocket may come of this request: nothing else is ever upgraded."""
    return (
        environ.get("REQUEST_METHOD") == "GET"
        and environ.get("HTTP_UPGRADE", "").strip().lower() == "websocket"
    )


def framed(application, at_end=None):
    """`application` as a WSGI callable whose answers end where they say. `at_end` is called with
    the environ when the answer to a request with a body is over."""

    def framed_application(environ, start_response):
        if "HTTP_UPGRADE" in environ:
            if asks_for_websocket(environ):
                # Its connection is used for nothing else, and may become the app's own.
                return application(environ, _with_a_final_status(start_response))
            # nginx dropped it already, unless the app's own configuration passes it on.
            del environ["HTTP_UPGRADE"]
        # Now: it is the app's to change.
        is_over = at_end if at_end is not None and _has_body(environ) else None
        head = _Head(environ, start_response)
        result = application(environ, head.start_response)
        if isinstance(result, (list, tuple)) and not head.written:
            result = head.frame_whole(result)
            if is_over is None:
                return result
        return _Answer(head, result, is_over)

    return framed_application


def read_rest(environ):
    """Reads what the app left of a request's body, for a few seconds: a server that closes its
    connection with something unread on it may take the answer away from nginx. For `at_end`."""
    until = cartridge_wsgi.clock() + UNREAD_SECONDS
    try:
        while environ["wsgi.input"].read(65536) and cartridge_wsgi.clock() < until:
            pass
    except Exception:
        pass  # the client is gone, or the app has closed it


def give_gevents_connections_to_one():
    """Lets gevent's own server ask nobody else on a connection on which an upgrade was asked: what
    follows may not be a request. An app may take one for a WebSocket, and the server writes nothing
    to it any more. gunicorn has workers that are this server."""
    from gevent.pywsgi import WSGIHandler

    handle_one_request = WSGIHandler.handle_one_request
    get_environ = WSGIHandler.get_environ
    sendall = WSGIHandler._sendall

    def handle_the_last_request(self):
        result = handle_one_request(self)
        asked = result is True and self.headers.get("Upgrade") is not None
        return None if asked else result

    def connection_upgrade_requested(self):
        # gevent leaves the body of such a request unread, whatever is asked for.
        return self.command == "GET" and self.headers.get("Upgrade", "").lower() == "websocket"

    def get_environ_with_socket(self):
        environ = get_environ(self)
        if asks_for_websocket(environ):
            environ["werkzeug.socket"] = cartridge_wsgi.ClientSocket(self.socket)
        return environ

    def sendall_unless_taken(self, data):
        client = (self.environ or {}).get("werkzeug.socket")
        if client is None or not client.taken:
            sendall(self, data)

    WSGIHandler.get_environ = get_environ_with_socket
    WSGIHandler._sendall = sendall_unless_taken
    WSGIHandler.handle_one_request = handle_the_last_request
    WSGIHandler._connection_upgrade_requested = connection_upgrade_requested


def _with_a_final_status(server_start_response):
    def start_response(status, *args):
        # 101 would open the way for whatever the client sends, to a server that takes it for requests.
        _CODES[status]  # which fails
        return server_start_response(status, *args)

    return start_response


def _has_body(environ):
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


class _Head(object):
    """Status and headers, held back until the first byte of the body is there: an app may
    change its mind until then, and what is wrong with them can still become a 500."""

    pending = None
    server_write = None
    written = False
    """Whether the app used `write`, the old way to send a body."""
    silent = False
    """Whether this answer has no body, whatever the app sends."""
    promised = left = None
    """The bytes of the body, and those that may still follow; None for as many as come."""
    cut = False

    def __init__(self, environ, server_start_response):
        self.environ = environ
        self.server_start_response = server_start_response

    def start_response(self, status, headers, exc_info=None):
        try:
            if exc_info and self.server_write:
                # Too late for another head: the server cuts the answer short.
                if hasattr(exc_info[1], "with_traceback"):
                    raise exc_info[1].with_traceback(exc_info[2])
                raise exc_info[1]
            if self.pending and not exc_info:
                raise FramingError("the app called start_response twice")
        finally:
            exc_info = None
        self.pending = (status, headers)
        return self.write

    def write(self, data):
        self.written = True
        self.begin()
        data = self.measured(data)
        if data:
            self.server_write(data)

    def begin(self, whole=None):
        """Hands the head to the server. `whole`: how long the body is, where that is known."""
        if self.server_write:
            return
        if not self.pending:
            raise FramingError("the app answered without calling start_response")
        status, headers = self.pending
        code = _CODES[status]
        headers, length, size = sound(headers)
        too_long = cartridge_limits.complaint_of_head(size)
        if too_long:
            self.complain(too_long)
        head_only = self.environ.get("REQUEST_METHOD") == "HEAD"
        if code in BODILESS:
            headers = [header for header in headers if _KINDS[header[0]] != "length"]
            length = None
        elif length is None and whole is not None and not (head_only and whole == 0):
            headers.append(("Content-Length", str(whole)))
            length = whole
        if head_only or code in BODILESS:
            self.silent = True
            length = 0
        self.promised = self.left = length
        self.server_write = self.server_start_response(status, headers) or _no_write

    def measured(self, data):
        """As much of `data` as may be sent."""
        if self.left is None:
            return data
        if len(data) <= self.left:
            self.left -= len(data)
            return data
        if not self.silent and not self.cut:
            self.cut = True
            self.complain("the app answered with more than its Content-Length of %d bytes: the"
                          " rest is left out" % self.promised)
        data, self.left = data[:self.left], 0
        return data

    def finish(self):
        """To be called when no more comes."""
        self.begin()
        if self.left:
            raise FramingError(
                "%s: the app answered with %d bytes, but its Content-Length is %d"
                % (self.asked(), self.promised - self.left, self.promised)
            )

    def frame_whole(self, blocks):
        """The blocks to send of an answer that is all there."""
        whole = len(blocks[0]) if len(blocks) == 1 else sum(map(len, blocks))
        self.begin(whole)
        if self.left == whole:
            return blocks
        blocks = [self.measured(block) for block in blocks]
        self.finish()
        return blocks

    def complain(self, text):
        errors = self.environ.get("wsgi.errors")
        if errors is not None:
            errors.write("%s: %s\n" % (self.asked(), text))

    def asked(self):
        # A visitor's path makes no lines of its own in the log.
        path = repr(str(self.environ.get("PATH_INFO")))[1:-1]
        return "%s %s" % (self.environ.get("REQUEST_METHOD"), path)


class _Answer(object):
    """The body, block by block."""

    def __init__(self, head, result, at_end):
        self.head = head
        self.result = result
        self.at_end = at_end

    def __iter__(self):
        head = self.head
        for block in self.result:
            if not block:
                continue
            head.begin()
            block = head.measured(block)
            if block:  # else what the app does after its last byte may matter to it: it goes on
                yield block
        head.finish()

    def close(self):
        try:
            if hasattr(self.result, "close"):
                self.result.close()
        finally:
            if self.at_end:
                self.at_end(self.head.environ)


def _no_write(data):
    raise FramingError("this server has no `write`")


class _Known(dict):
    """What was found out about a text that comes again and again."""

    def __init__(self, find_out):
        self.find_out = find_out

    def __missing__(self, text):
        found = self.find_out(text)
        if len(self) < 1000:  # an app that makes up names must not fill the memory
            self[text] = found
        return found


def _find_code(status):
    code = str(status)[:3]
    if not code.isdigit() or str(status)[3:4].strip() or "\r" in status or "\n" in status:
        raise FramingError("the app answered with the status %r, which is none" % (status,))
    code = int(code)
    if code < 200:
        raise FramingError(
            "the app answered with the status %r: 1xx is no answer, one from 200 on is" % (status,)
        )
    return code


def _find_kind(name):
    text = _text(name)
    if "\n" in text or "\r" in text or "\0" in text:
        raise _split(name)
    lower = text.lower()
    return "hop" if lower in HOP_BY_HOP else "length" if lower == "content-length" else None


def _split(name):
    return FramingError("the header %r of the app's answer has a line break in it" % _text(name))


def _text(name):
    return name.decode("latin-1") if isinstance(name, bytes) else name


_CODES = _Known(_find_code)
"""Status lines such as `200 OK` and their numbers."""
_KINDS = _Known(_find_kind)
"""Names of headers: `hop` for those of the connection, `length`, or None."""

IN_TEXT, IN_BYTES = ("\n", "\r", "\0"), (10, 13, 0)
"""What no header has in it: text, or bytes as ASGI has them, in which a number is found sooner."""


def sound(headers, breaks=IN_TEXT):
    """The headers without those of the connection, the Content-Length that they name, and how many bytes
    all take together."""
    kept, length, size = [], None, 0
    newline, carriage_return, nul = breaks
    for header in headers:
        name, value = header
        if newline in value or carriage_return in value or nul in value:
            raise _split(name)
        kind = _KINDS[name]
        if kind == "hop":
            continue
        if kind == "length":
            digits = value.strip()
            if not digits.isdigit() or (length is not None and int(digits) != length):
                raise FramingError("the app's Content-Length is %r, which is none" % _text(value))
            if length is not None:
                continue
            length = int(digits)
        kept.append(header)
        size += len(name) + len(value) + 4  # a colon, a space, the end of the line
    return kept, length, size
