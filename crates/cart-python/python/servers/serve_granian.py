"""Serves an ASGI app with granian, whose part of HTTP is Rust, on an inherited socket.

    serve_granian.py [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs granian;
uvloop is used where the app brings it. Python 3 only.

SIGTERM: WebSockets are closed as cartridge_drain.py has it, then requests are finished, within --drain;
then the app is told to shut down, and it ends with 0. What waits in the backlog is served as long as
there are WebSockets, and then left there.
"""

import sys

try:
    import granian.server.mp
except ImportError as error:
    sys.stderr.write("serve_granian.py: granian is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

import asyncio
import atexit
import os
import signal

import granian._signals
from granian._granian import SocketHolder, WorkerSignal
from granian.asgi import LifespanProtocol
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

import cartridge_asgi
import cartridge_launch
import cartridge_limits
import cartridge_workers
from cartridge_drain import Drain

MOST_CONNECTIONS = 65536
"""granian wants a bound of what it serves at a time, and a WebSocket counts."""


class Server(granian.Granian):
    """granian's server, which makes a socket and serves it by processes of its own: here it is served by
    this one, and the socket is ours."""

    def __init__(self, listener):
        granian.Granian.__init__(
            self,
            "",
            interface=Interfaces.ASGI,
            # nginx speaks nothing else, and whoever could would be past it.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=1000 * cartridge_launch.KEEP_ALIVE,
                max_buffer_size=2 * cartridge_limits.LONGEST_LINE,
            ),
            backlog=cartridge_launch.BACKLOG,
            backpressure=MOST_CONNECTIONS,
            log_level=LogLevels.warning,
        )
        self.listener = listener

    def _init_shared_socket(self):
        self._ssp, self._sso, self._sfd = None, None, self.listener.fileno()
        is_unix = isinstance(self.listener.getsockname(), str)
        self._shd = SocketHolder(self._sfd, is_unix, self.backlog)

    def _serve(self, target, load):
        self._init_shared_socket()
        self._spawn_worker(0, target, load).inner.run()


class Lifespan(LifespanProtocol):
    """granian's, which tells that it serves."""

    async def startup(self):
        await LifespanProtocol.startup(self)
        if not self.interrupt:
            cartridge_workers.serving()


def stop_as(drain, seconds):
    """Has granian told to stop when its WebSockets have ended: it would cut them at once."""

    def set_loop_signals(loop):
        told_to_stop = WorkerSignal()
        tasks = []

        async def end():
            while drain.sockets() and drain.has_time():
                await asyncio.sleep(0.05)
            told_to_stop.set()

        def stop():
            drain.end_within(seconds)
            tasks.append(loop.create_task(end()))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        return told_to_stop

    granian._signals.set_loop_signals = set_loop_signals


def main():
    options, listener = cartridge_launch.prepare(__doc__, threads=False)
    drain = Drain()
    granian.server.mp.LifespanProtocol = Lifespan
    stop_as(drain, options.drain)
    server = Server(listener)
    application = cartridge_asgi.load(options, listener, drain)
    server.serve(target_loader=lambda: application, wrap_loader=False)
    end()


def end():
    """As granian's own processes end. Its threads would outlive the interpreter, and panic."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
