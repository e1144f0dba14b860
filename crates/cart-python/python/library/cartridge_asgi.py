"""What stands between an ASGI server and the app, the same on every server: what the app is told of
a request that came through nginx, and that its answer ends where it says. And what their launchers
share.

    application = behind_nginx(framed(application))

Python 3 only.
"""

import asyncio
import socket
import sys

import cartridge_interface
import cartridge_limits
import cartridge_transport
import cartridge_wsgi
from cartridge_framing import BODILESS, FramingError, sound

STARTUP_FAILURE = 3
"""The status of a server whose app cannot start up, as uvicorn has it."""


def load(options, listener, drain):
    """The app, as a server is to call it, which is to listen afterwards."""
    cartridge_transport.send_at_once()
    application = cartridge_wsgi.load_or_exit(options.app, cartridge_interface.ASGI)
    return between(application, listener, drain)


def between(application, listener, drain):
    """All that stands between a server and `application`."""
    application = framed(read_to_the_end(application))
    if listener.family == socket.AF_UNIX:
        application = behind_nginx(application)
    return drain.watched(application)


def new_event_loop():
    """uvloop's, where the app brings it."""
    try:
        from uvloop import new_event_loop as new
    except ImportError:
        new = asyncio.new_event_loop
    loop = new()
    asyncio.set_event_loop(loop)
    return loop


def behind_nginx(application):
    """`application`, an ASGI callable, with `scope` corrected: the client's address, the scheme
    and the server's name.

    Believed is what nginx says in headers, so this must stand only where nothing but nginx can be
    the peer: behind a unix socket."""

    async def application_behind_nginx(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            scope = _corrected(scope)
        await application(scope, receive, send)

    return application_behind_nginx


_SAID = frozenset((b"x-forwarded-proto", b"x-real-ip", b"host"))
"""Where nginx says it."""


def _corrected(scope):
    said = dict((name, value.decode("latin-1")) for name, value in scope["headers"] if name in _SAID)
    scheme = said.get(b"x-forwarded-proto", "").lower()
    if scheme not in ("http", "https"):
        scheme = "http"
    name, port = cartridge_wsgi.server_of(said.get(b"host", ""), scheme)
    address = said.get(b"x-real-ip")
    if scope["type"] == "websocket":
        scheme = scheme.replace("http", "ws")
    return dict(
        scope,
        scheme=scheme,
        server=(name, int(port)),
        # nginx does not say the port.
        client=(address, 0) if address else None,
    )


def framed(application):
    """What cartridge_framing.py does, for an ASGI callable. Servers with ASGI look at lengths
    themselves; what they let pass is left here."""

    async def framed_application(scope, receive, send):
        if scope["type"] == "http":
            send = _Answer(scope, send).send
        await application(scope, receive, send)

    return framed_application


def read_to_the_end(application):
    """`application`, and what it leaves of a request's body is read before the answer ends, for a few
    seconds: closing a connection with something unread may take the answer away from nginx, and
    hypercorn waits for ever until somebody reads."""

    async def application_that_reads(scope, receive, send):
        if scope["type"] != "http" or not _has_body(scope):
            return await application(scope, receive, send)
        body = _Body(receive, send)
        try:
            await application(scope, body.receive, body.send)
        finally:
            await body.read_rest()

    return application_that_reads


def _has_body(scope):
    return any(
        (name == b"content-length" and value.strip() != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


class _Body(object):
    """A request's body."""

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


class _Answer(object):
    """One answer, message by message."""

    def __init__(self, scope, send):
        self.scope = scope
        self.server_send = send
        self.head = None
        """The beginning of one whose length is known, until something follows: both are sent at once, also
        where a bridge gets them from a thread. Of a stream nobody knows when that will be."""
        self.silent = False
        """Whether it has no body, whatever the app sends."""
        self.cut = False
        """Whether anything was left out."""
        self.promised = None
        """The Content-Length of the answer, if it has one."""
        self.left = None
        """How many bytes of body may still follow; None for as many as come."""

    async def send(self, message):
        if message["type"] == "http.response.start":
            message = self.begun(message)
            if self.promised is not None:
                self.head = message
                return
        elif message["type"] == "http.response.body":
            message = self.measured(message)
        if self.head is not None:
            head, self.head = self.head, None
            await self.server_send(head)
        await self.server_send(message)

    def begun(self, message):
        status = message["status"]
        if status < 200:
            raise FramingError("the app answered with the status %r: 1xx is no answer" % (status,))
        headers, self.promised = sound(
            (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
            for name, value in message.get("headers", ())
        )
        self.left = self.promised
        self.silent = self.scope["method"] == "HEAD" or status in BODILESS
        if status in BODILESS:
            headers = [header for header in headers if header[0].lower() != "content-length"]
        too_long = cartridge_limits.complaint_of_head(headers)
        if too_long:
            self.complain(too_long)
        if any(name == b"upgrade" for name, _ in self.scope["headers"]):
            # A connection on which an upgrade was asked is never used again.
            headers.append(("connection", "close"))
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return dict(message, headers=encoded)

    def measured(self, message):
        body = message.get("body", b"")
        if self.silent:
            return dict(message, body=b"")
        if self.left is None:
            return message
        if len(body) > self.left and not self.cut:
            self.cut = True
            self.complain("the app answered with more than its Content-Length of %d bytes: the"
                          " rest is left out" % self.promised)
        body = body[:self.left]
        self.left -= len(body)
        if self.left and not message.get("more_body", False):
            raise FramingError(
                "%s: the app answered with %d bytes, but its Content-Length is %d"
                % (self.asked(), self.promised - self.left, self.promised)
            )
        return dict(message, body=body)

    def asked(self):
        # A visitor's path makes no lines of its own in the log.
        return "%s %s" % (self.scope["method"], repr(self.scope["path"])[1:-1])

    def complain(self, what):
        sys.stderr.write("%s: %s\n" % (self.asked(), what))
        sys.stderr.flush()
