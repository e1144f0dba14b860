"""Serves an ASGI app with hypercorn on an inherited socket.

    serve_hypercorn.py [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs hypercorn;
uvloop is used where the app brings it. Python 3 only.

SIGTERM: requests are finished and WebSockets closed as cartridge_drain.py has it, within --drain; then
the app is told to shut down, and it ends with 0. What waits in the backlog is left there.
"""

import sys

try:
    import hypercorn.asyncio
except ImportError as error:
    sys.stderr.write("serve_hypercorn.py: hypercorn is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

import asyncio
import signal

from hypercorn.config import Config, Sockets
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.utils import LifespanFailureError

import cartridge_asgi
import cartridge_launch
import cartridge_limits
import cartridge_workers
from cartridge_drain import Drain

FOR_EVER = 365 * 24 * 3600
"""Seconds: the supervisor knows how long a start may take, and the drain how long a stop."""


class Configuration(Config):
    """hypercorn's, with our socket."""

    # nginx keeps the access log, and says Server and Date itself.
    accesslog = None
    include_server_header = False
    include_date_header = False
    loglevel = "WARNING"
    h11_max_incomplete_size = 2 * cartridge_limits.LONGEST_LINE
    keep_alive_timeout = cartridge_launch.KEEP_ALIVE
    backlog = cartridge_launch.BACKLOG
    startup_timeout = shutdown_timeout = graceful_timeout = FOR_EVER

    def __init__(self, listener):
        self.listener = listener

    def create_sockets(self):
        # The app has started up.
        cartridge_workers.serving()
        return Sockets([], [self.listener], [])


def speak_http_1_only():
    """hypercorn would let a client that asks for it change to HTTP/2, and nginx would see no more of
    what that client sends."""

    async def check_protocol(self, event):
        pass

    H11Protocol._check_protocol = check_protocol


async def serve(application, listener, drain, seconds):
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()

    def stop():
        drain.end_within(seconds)
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    configuration = Configuration(listener)
    await hypercorn.asyncio.serve(
        application, configuration, shutdown_trigger=told_to_stop.wait, mode="asgi"
    )


def main():
    options, listener = cartridge_launch.prepare(__doc__, threads=False)
    drain = Drain()
    application = cartridge_asgi.load(options, listener, drain)
    speak_http_1_only()
    try:
        cartridge_asgi.new_event_loop().run_until_complete(
            serve(application, listener, drain, options.drain)
        )
    except LifespanFailureError as error:
        sys.stderr.write("%s\n" % error)
        sys.exit(cartridge_asgi.STARTUP_FAILURE)


if __name__ == "__main__":
    main()
