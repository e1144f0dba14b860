"""Serves a WSGI app with waitress, on threads, on an inherited socket.

    serve_waitress.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs waitress.
It has a request's body whole before it calls the app, and takes an answer off it as fast as it
comes. An app gets no hand on its connection, so that there are no WebSockets.

SIGTERM: everything that waits in the socket's backlog is still accepted, requests are finished for
as long as --drain allows, then exit 0.
"""

import logging
import sys

try:
    import waitress
except ImportError as error:
    sys.stderr.write("serve_waitress.py: waitress is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

from waitress import wasyncore

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_workers
import cartridge_wsgi

MOMENT = 0.05
"""Seconds between two looks whether a stopping server is done."""


def configuration(listener, threads):
    return dict(
        sockets=[listener],
        threads=threads,
        backlog=cartridge_launch.BACKLOG,
        # What nginx says is put into the environ by cartridge_wsgi, and what it lets through is right.
        clear_untrusted_proxy_headers=False,
        # nginx limits requests: waitress has no value for that.
        max_request_header_size=2 * cartridge_limits.LONGEST_LINE,
        max_request_body_size=sys.maxsize,
        # Half of what select knows is not enough, and each may need a file for its body.
        connection_limit=8192,
        asyncore_use_poll=True,
        channel_timeout=cartridge_launch.KEEP_ALIVE,
        # nginx gives up requests, and says so in its log.
        log_socket_errors=False,
    )


class Server(object):
    """waitress's server with a stop that loses nothing."""

    def __init__(self, listener, application, options):
        self.listener = listener
        self.server = waitress.create_server(application, **configuration(listener, options.threads))
        self.channels = self.server.active_channels
        self.stop = cartridge_launch.Stop(options.drain, self.requests, self.server.pull_trigger)

    def serve(self):
        while not self.stop.told:
            self.turn(self.server.adj.asyncore_loop_timeout)
        while self.stop.accepts(self.listener):
            self.turn(MOMENT)
        self.server.accepting = False
        while self.channels and self.stop.has_time():
            if not self.stop.keeps_idle():
                for channel in list(self.channels.values()):
                    channel.will_close = channel.will_close or is_idle(channel)
            self.turn(MOMENT)
        self.stop.complain_of_what_runs()

    def turn(self, seconds):
        wasyncore.loop(seconds, use_poll=True, map=self.server._map, count=1)

    def requests(self):
        """How many are being answered: a connection may wait for its next one."""
        return sum(not is_idle(channel) for channel in list(self.channels.values()))


def is_idle(channel):
    return not (channel.requests or channel.request or channel.total_outbufs_len
                or channel.close_when_flushed)


def main():
    options, listener, application = cartridge_launch.begin(__doc__)
    # That all threads are busy is no error.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    application = cartridge_framing.framed(application)
    application = cartridge_wsgi.with_whole_environ(application, listener, options.workers)
    server = Server(listener, application, options)
    cartridge_workers.serving()
    server.serve()


if __name__ == "__main__":
    main()
