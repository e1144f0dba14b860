"""Serves an ASGI app with uvicorn on an inherited socket.

    serve_uvicorn.py [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs uvicorn;
what speeds it up (httptools, uvloop) is used where the app brings it. Python 3 only.

SIGTERM: requests are finished, and WebSockets go on, for as long as --drain allows; then WebSockets
are closed with 1012 (service restart), the app is told to shut down, and it ends with 0. What waits in the
backlog is left there.
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
import cartridge_interface
import cartridge_launch
import cartridge_limits
import cartridge_stacks
import cartridge_workers
import cartridge_wsgi

STARTUP_FAILURE = 3
"""uvicorn's own status for an app that cannot start up."""


class Server(uvicorn.Server):
    """uvicorn's server, stopped by us: it would cut WebSockets at once, and end as if killed."""

    def __init__(self, config, drain):
        uvicorn.Server.__init__(self, config)
        self.drain = drain
        self.until = None

    def install_signal_handlers(self):
        """Up to 0.28."""

    @contextlib.contextmanager
    def capture_signals(self):
        """From 0.29 on."""
        yield

    def stop(self, *_signal):
        if self.until is None:
            self.until = cartridge_wsgi.clock() + self.drain
            # One second more for the app's own shutdown.
            cartridge_wsgi.exit_within(self.drain + 1, self.requests)
        self.should_exit = True

    async def startup(self, sockets=None):
        await uvicorn.Server.startup(self, sockets=sockets)
        if self.started:
            cartridge_workers.serving()

    async def shutdown(self, sockets=None):
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if not is_websocket(connection):
                connection.shutdown()
        while self.server_state.connections and self.has_time():
            await asyncio.sleep(0.05)
        left = self.requests()
        if left:
            sys.stderr.write("stopped after %d s: %d request%s still ran\n"
                             % (self.drain, left, "" if left == 1 else "s"))
        # Tells WebSockets, and cancels what is left.
        await uvicorn.Server.shutdown(self, sockets=sockets)

    def has_time(self):
        return self.until is None or cartridge_wsgi.clock() < self.until - 0.5

    def requests(self):
        """How many are being answered: a connection may wait for its next one."""
        cycles = (getattr(connection, "cycle", None)
                  for connection in list(self.server_state.connections)
                  if not is_websocket(connection))
        return sum(cycle is not None and not cycle.response_complete for cycle in cycles)


def is_websocket(connection):
    return ".websockets" in type(connection).__module__


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
    parser = cartridge_wsgi.arguments(__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="processes that serve (1)")
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("--workers must be at least 1")
    cartridge_stacks.answer_signals()
    listener = cartridge_wsgi.listening_socket()
    cartridge_wsgi.enter_app_folder()
    if options.workers > 1:
        cartridge_workers.become_worker(options.workers)
    application = cartridge_wsgi.load_or_exit(options.app, cartridge_interface.ASGI)
    application = cartridge_asgi.framed(application)
    if listener.family == socket.AF_UNIX:
        application = cartridge_asgi.behind_nginx(application)
    cartridge_limits.widen_uvicorns()
    take_goodbyes_within_messages()
    server = Server(configuration(application), options.drain)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
