"""How an ASGI app ends, the same on every server: who is told, and when.

    drain = Drain()
    application = drain.watched(application)
    drain.begin(30)

Once it has begun, running requests are finished and WebSockets go on. In the last part of the time
each WebSocket is closed with 1012 (service restart), not all in the same moment, because all come
back. What has not ended when the time is over is cut. Python 3 only.
"""

import asyncio
import sys

import cartridge_websockets
import cartridge_wsgi

ALMOST = 0.5
"""So many seconds before its end, what runs is cut: the app is still to be told to shut down."""

_current_task = getattr(asyncio, "current_task", None) or asyncio.Task.current_task
"""Under its name before Python 3.7, too."""


class Closed(ConnectionError):
    """The app sends on a WebSocket that was closed: an OSError, as ASGI has it for one whose client
    is gone."""


class Drain(object):
    """The end of one process. All of it happens in the thread of the event loop, but `begin`, which
    may be called by a handler of signals."""

    def __init__(self):
        self.loop = None
        self.calls = {}
        """The app's running calls: for each task its WebSocket, or None for a request."""
        self.seconds = self.until = self.end = None

    def watched(self, application):
        """`application`, an ASGI callable, so that it is known what runs."""

        async def watched_application(scope, receive, send):
            if self.loop is None:
                self.loop = asyncio.get_event_loop()
            kind = scope["type"]
            socket = None
            if kind == "websocket":
                socket = _WebSocket(self, send)
                send = socket.send
            elif kind != "http":
                return await application(scope, receive, send)
            task = _current_task()
            self.calls[task] = socket
            try:
                await application(scope, receive, send)
            except Closed:
                pass  # told, and in nobody's way
            finally:
                del self.calls[task]

        return watched_application

    def begin(self, seconds):
        """The stop: so long, and no longer. It begins once."""
        if self.until is None:
            self.seconds, self.until = seconds, cartridge_wsgi.clock() + seconds
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self._announce)

    def end_within(self, seconds):
        """`begin`, and the end of this process, whatever holds it up."""
        if self.until is None:
            # One second more for the app's own shutdown.
            cartridge_wsgi.exit_within(seconds + 1, self.requests)
        self.begin(seconds)

    def requests(self):
        """How many requests are being answered."""
        return sum(socket is None for socket in list(self.calls.values()))

    def sockets(self):
        """The WebSockets that the app serves."""
        return [socket for socket in self.calls.values() if socket]

    def has_time(self):
        return self.until is None or cartridge_wsgi.clock() < self.until - ALMOST

    def _announce(self):
        for socket in self.sockets():
            socket.close_in_time()
        self.end = self.loop.create_task(self._cut())

    async def _cut(self):
        await asyncio.sleep(max(0, self.until - ALMOST - cartridge_wsgi.clock()))
        left = self.requests()
        if left:
            sys.stderr.write("stopped after %d s: %d request%s still ran\n"
                             % (self.seconds, left, "" if left == 1 else "s"))
            sys.stderr.flush()
        for task in list(self.calls):
            task.cancel()


class _WebSocket(object):
    """One that the app serves."""

    def __init__(self, drain, server_send):
        self.drain = drain
        self.server_send = server_send
        self.is_open = self.told = False
        self.closing = None

    async def send(self, message):
        if self.told:
            raise Closed("this server stops: the WebSocket was closed with %d"
                         % cartridge_websockets.CODE)
        await self.server_send(message)
        if message["type"] == "websocket.accept":
            self.is_open = True
            if self.drain.until is not None:
                self.close_in_time()
        elif message["type"] == "websocket.close":
            self.is_open = False

    def close_in_time(self):
        drain = self.drain
        due = drain.until - drain.seconds + cartridge_websockets.moment(drain.seconds)
        self.closing = drain.loop.create_task(self.close(due - cartridge_wsgi.clock()))

    async def close(self, seconds):
        await asyncio.sleep(max(0, seconds))
        if not self.is_open or self.told:
            return
        self.told = True
        try:
            await self.server_send({
                "type": "websocket.close",
                "code": cartridge_websockets.CODE,
                "reason": cartridge_websockets.REASON,
            })
        except Exception:
            pass  # the client is gone
