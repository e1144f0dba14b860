"""What stands between an ASGI server and the app, the same on every server: what the app is told of
a request that came through nginx, and that its answer ends where it says. And what their launchers
share.

    application = between(application, listener, drain)

Python 3 only.
"""

import asyncio
import functools
import socket
import sys

import cartridge_interface
import cartridge_limits
import cartridge_transport
import cartridge_wsgi
from cartridge_framing import BODILESS, IN_BYTES, FramingError, sound

STARTUP_FAILURE = 3
"""The status of a server whose app cannot start up, as uvicorn has it."""


def load(options, listener, drain):
    """The app, as a server is to call it, which is to listen afterwards."""
    cartridge_transport.send_at_once()
    application = cartridge_wsgi.load_or_exit(options.app, cartridge_interface.ASGI)
    return between(application, listener, drain)


def between(application, listener, drain):
    """All that stands between a server and `application`: few calls, for each request goes through."""
    is_behind_nginx = listener.family == socket.AF_UNIX

    async def application_between(scope, receive, send):
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            return await application(scope, receive, send)
        said = dict(scope["headers"])
        method = scope.get("method")
        if is_behind_nginx:
            scope = _corrected(scope, said)
        if kind == "websocket":
            return await application(scope, receive, send)
        send = _Answer(method, scope["path"], b"upgrade" in said, send).send
        if not _has_body(said):
            return await application(scope, receive, send)
        body = _Body(receive, send)
        try:
            await application(scope, body.receive, body.send)
        finally:
            await body.read_rest()

    return drain.watched(application_between)


def new_event_loop():
    """uvloop's, where the app brings it."""
    try:
        from uvloop import new_event_loop as new
    except ImportError:
        new = asyncio.new_event_loop
    loop = new()
    asyncio.set_event_loop(loop)
    return loop


def _corrected(scope, said):
    """`scope` with what nginx says in headers, `said`: the client's address, the scheme and the server's
    name. A copy, for the server goes by its own, and an app may change what it gets.

    It is believed, so this must be only where nothing but nginx can be the peer: behind a unix socket."""
    scheme, server = _server(said.get(b"x-forwarded-proto"), said.get(b"host", b""))
    address = said.get(b"x-real-ip")
    scope = scope.copy()
    scope["scheme"] = scheme if scope["type"] == "http" else scheme.replace("http", "ws")
    scope["server"] = server
    # nginx does not say the port.
    scope["client"] = (address.decode("latin-1"), 0) if address else None
    return scope


@functools.lru_cache(maxsize=16)  # a site has few names, and a client may send long ones
def _server(scheme, host):
    """The scheme, and name and port of the server."""
    scheme = "https" if scheme and scheme.lower() == b"https" else "http"
    name, port = cartridge_wsgi.server_of(host.decode("latin-1"), scheme)
    return scheme, (name, int(port))


def _has_body(said):
    return said.get(b"content-length", b"0").strip() != b"0" or b"transfer-encoding" in said


class _Body(object):
    """A request's body, and what the app leaves of it is read before the answer ends, for a few seconds:
    closing a connection with something unread may take the answer away from nginx, and hypercorn waits
    for ever until somebody reads."""

    def __init__(self, server_receive, server_send):
        self.server_receive = server_receive
        self.server_send = server_send
        self.readers = 0
        self.is_over = False

    async def receive(self):
        self.readers += 1
        try:
            message = await self.server_receive()
        finally:
            self.readers -= 1
        if not message.get("more_body", False):
            self.is_over = True
        return message

    async def send(self, message):
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await self.read_rest()
        await self.server_send(message)

    async def read_rest(self):
        until = cartridge_wsgi.clock() + 5
        # Who waits for the client's end reads all that comes before it.
        while not self.is_over and not self.readers:
            left = until - cartridge_wsgi.clock()
            try:
                await asyncio.wait_for(self.receive(), max(0, left))
            except asyncio.TimeoutError:
                return


def _in_bytes(headers):
    """Pairs of bytes; apps may have lists, and other types that hold bytes."""
    return [
        (name, value) if type(name) is bytes and type(value) is bytes else (bytes(name), bytes(value))
        for name, value in headers
    ]


class _Answer(object):
    """One answer, message by message; what cartridge_framing.py does, for an ASGI app. Servers with ASGI
    look at lengths themselves; what they let pass is left here."""

    head = None
    """The beginning of one whose length is known, until something follows: both are sent at once, also
    where a bridge gets them from a thread. Of a stream nobody knows when that will be."""
    silent = False
    """Whether it has no body, whatever the app sends."""
    cut = False
    """Whether anything was left out."""
    promised = None
    """The Content-Length of the answer, if it has one."""
    left = None
    """How many bytes of body may still follow; None for as many as come."""

    def __init__(self, method, path, is_upgrade, send):
        self.method = method
        self.path = path
        self.is_upgrade = is_upgrade
        """Whether the request asks for another protocol."""
        self.server_send = send

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.start":
            message = self.begun(message)
            if self.promised is not None:
                self.head = message
                return
        elif kind == "http.response.body":
            message = self.measured(message)
        if self.head is not None:
            head, self.head = self.head, None
            await self.server_send(head)
        await self.server_send(message)

    def begun(self, message):
        status = message["status"]
        if status < 200:
            raise FramingError("the app answered with the status %r: 1xx is no answer" % (status,))
        headers, self.promised, size = sound(_in_bytes(message.get("headers", ())), IN_BYTES)
        self.left = self.promised
        self.silent = self.method == "HEAD" or status in BODILESS
        if status in BODILESS:
            headers = [header for header in headers if header[0].lower() != b"content-length"]
        too_long = cartridge_limits.complaint_of_head(size)
        if too_long:
            self.complain(too_long)
        if self.is_upgrade:
            # A connection on which an upgrade was asked is never used again.
            headers.append((b"connection", b"close"))
        return dict(message, headers=headers)

    def measured(self, message):
        if self.silent:
            return dict(message, body=b"")
        if self.left is None:
            return message
        body = message.get("body", b"")
        size = len(body)
        if size <= self.left:
            self.left -= size
        else:
            message = dict(message, body=body[:self.left])
            self.left = 0
            if not self.cut:
                self.cut = True
                self.complain("the app answered with more than its Content-Length of %d bytes: the"
                              " rest is left out" % self.promised)
        if self.left and not message.get("more_body", False):
            raise FramingError(
                "%s: the app answered with %d bytes, but its Content-Length is %d"
                % (self.asked(), self.promised - self.left, self.promised)
            )
        return message

    def asked(self):
        # A visitor's path makes no lines of its own in the log.
        return "%s %s" % (self.method, repr(self.path)[1:-1])

    def complain(self, what):
        sys.stderr.write("%s: %s\n" % (self.asked(), what))
        sys.stderr.flush()
