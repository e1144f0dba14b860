"""Serves an ASGI app with uvicorn on an inherited socket.

    serve_uvicorn.py [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs uvicorn;
httptools and uvloop are used where they are there. Python 3 only.

SIGTERM: requests are finished and WebSockets closed as cartridge_drain.py has it, within --drain; then
the app is told to shut down, and it ends with 0. What waits in the backlog is left there.
"""

import sys

try:
    import uvicorn
except ImportError as error:
    sys.stderr.write("serve_uvicorn.py: uvicorn is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

import asyncio
import contextlib
import inspect
import signal
import socket

import cartridge_asgi
import cartridge_launch
import cartridge_limits
import cartridge_uvicorn
import cartridge_workers
from cartridge_drain import Drain


class Server(uvicorn.Server):
    """uvicorn's server, stopped by us: it would cut WebSockets at once, and end as if killed."""

    def __init__(self, config, drain, seconds):
        uvicorn.Server.__init__(self, config)
        self.drain = drain
        self.seconds = seconds
        self.loop = self.stopped = self.waking = None

    def install_signal_handlers(self):
        """Up to 0.28."""

    @contextlib.contextmanager
    def capture_signals(self):
        """From 0.29 on."""
        yield

    def stop(self, *_signal):
        self.drain.end_within(self.seconds)
        self.should_exit = True
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.stopped.set)

    async def startup(self, sockets=None):
        await uvicorn.Server.startup(self, sockets=sockets)
        if self.started:
            cartridge_workers.serving()

    async def main_loop(self):
        """Until it is stopped. uvicorn's own looks ten times a second, and an app at rest would wake for
        that; what else it looks after, our configuration does not have."""
        self.loop, self.stopped = asyncio.get_event_loop(), asyncio.Event()
        self.wake_for_signals()
        if not await self.on_tick(0):
            await self.stopped.wait()

    def wake_for_signals(self):
        """A handler runs between two steps of Python's: for a signal that comes just before the loop waits,
        that would be after its next event. `add_signal_handler` would not do: a handler of the loop's does
        not run while a request holds the loop up."""
        woken, wake = self.waking = socket.socketpair()
        for end in self.waking:
            end.setblocking(False)
        before = signal.set_wakeup_fd(wake.fileno())
        if before != -1:
            signal.set_wakeup_fd(before)  # uvloop has its own, and asyncio where an app asked for it
        else:
            self.loop.add_reader(woken, woken.recv, 4096)

    async def shutdown(self, sockets=None):
        await cartridge_uvicorn.finish(self, self.drain)
        # Cancels what is left.
        await uvicorn.Server.shutdown(self, sockets=sockets)


def take_goodbyes_within_messages():
    """Has a WebSocket that is closed in the middle of a message closed with its client's own code, as
    RFC 6455 (5.4) allows: the package websockets calls it a client's fault (1002)."""
    try:
        from uvicorn.protocols.websockets import websockets_sansio_impl as implementation
        from websockets.frames import Opcode
    except ImportError:
        return  # an older uvicorn, whose way does so, or the package wsproto

    class Protocol(implementation.ServerProtocol):
        def recv_frame(self, frame):
            if frame.opcode is Opcode.CLOSE:
                # Its name before websockets 16, and since.
                self.cur_size = self.current_size = None
            super().recv_frame(frame)

    implementation.ServerProtocol = Protocol


def configuration(application):
    wanted = dict(
        app=application,
        interface="asgi3",
        # Those take each piece of a URL that comes in pieces from httptools for a whole one.
        http="h11" if uvicorn.__version__.startswith(("0.16.", "0.17.")) else "auto",
        # nginx keeps the access log, and says Server and Date itself.
        access_log=False,
        server_header=False,
        date_header=False,
        # What nginx says is put into the scope by cartridge_asgi.
        proxy_headers=False,
        use_colors=False,
        timeout_keep_alive=cartridge_launch.KEEP_ALIVE,
        backlog=cartridge_launch.BACKLOG,
        h11_max_incomplete_event_size=2 * cartridge_limits.LONGEST_LINE,
        # What has not ended by then was told to.
        timeout_graceful_shutdown=1,
    )
    known = inspect.signature(uvicorn.Config.__init__).parameters
    return uvicorn.Config(**{name: value for name, value in wanted.items() if name in known})


def main():
    options, listener = cartridge_launch.prepare(__doc__, threads=False)
    drain = Drain()
    application = cartridge_asgi.load(options, listener, drain)
    cartridge_limits.widen_uvicorns()
    take_goodbyes_within_messages()
    server = Server(configuration(application), drain, options.drain)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(cartridge_asgi.STARTUP_FAILURE)


if __name__ == "__main__":
    main()
