"""What launchers have in common: from the command line to an app that can be served, and from the
signal to stop to the end.

    options, listener = prepare(__doc__)                # ASGI; then cartridge_asgi.load
    options, listener, application = begin(__doc__)     # WSGI
    stop = Stop(options.drain, requests, wake_up)

Needs only the standard library; runs on Python 3.6 and newer, and 2.7.
"""

import select
import signal
import sys

import cartridge_stacks
import cartridge_websockets
import cartridge_workers
import cartridge_wsgi

BACKLOG = 4096
"""As the supervisor has it: a server that calls `listen` sets it anew, for everybody who has the
socket."""

IDLE_SECONDS = 2
"""How long a stopping server keeps connections on which nothing is asked: nginx keeps its own no
longer, and may be sending a request on one just now."""

KEEP_ALIVE = 75
"""Seconds; longer than nginx keeps a connection, so that it is never the server that closes one on
which nginx is just sending a request."""

THREADS = 32
"""Requests at the same time, where nobody said how many."""


def prepare(documentation, threads=True, forks=True):
    """The options of the command line and the listening socket. With several workers this returns in
    each of them, unless the server forks them itself; `cartridge_workers.serving` is to be called
    when it serves. With as many sockets as workers each worker gets its own; a server that forks
    its workers itself gets a list of all."""
    parser = cartridge_wsgi.arguments(documentation.splitlines()[0])
    if threads:
        parser.add_argument("--threads", type=int, default=THREADS, metavar="N",
                            help="requests served at the same time by each worker (%d)" % THREADS)
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="processes that serve (1)")
    parser.add_argument("--sockets", type=int, default=1, metavar="N",
                        help="listening sockets, one for each worker or one for all (1)")
    options = parser.parse_args()
    for name in ("threads", "workers"):
        if getattr(options, name, 1) < 1:
            parser.error("--%s must be at least 1" % name)
    if options.sockets not in (1, options.workers):
        parser.error("--sockets must be 1 or what --workers is")
    cartridge_stacks.answer_signals()
    listeners = [cartridge_wsgi.listening_socket(nth) for nth in range(options.sockets)]
    cartridge_wsgi.enter_app_folder()
    if not forks:
        return options, listeners
    place = cartridge_workers.become_worker(options.workers) if options.workers > 1 else 0
    listener = listeners[place % len(listeners)]
    for other in listeners:
        if other is not listener:
            other.close()
    return options, listener


def begin(documentation, threads=True, forks=True):
    """As `prepare`, and the WSGI app."""
    options, listener = prepare(documentation, threads, forks)
    application = Contained(cartridge_wsgi.load_or_exit(options.app))
    cartridge_websockets.remember()
    return options, listener, application


class AppExit(Exception):
    """The app ended the program (`sys.exit`) while it answered."""


class Contained(object):
    """The app, as a callable that fails with an Exception whatever it does: an exit in the middle of an
    answer would end a server's thread, or the whole server."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        try:
            result = self.application(environ, start_response)
        except SystemExit as error:
            raise AppExit("the app called sys.exit(%r) while it answered" % error.code)
        return result if isinstance(result, (list, tuple)) else _Blocks(result)


class _Blocks(object):
    def __init__(self, result):
        self.result = result

    def __iter__(self):
        try:
            for block in self.result:
                yield block
        except SystemExit as error:
            raise AppExit("the app called sys.exit(%r) while it answered" % error.code)

    def close(self):
        if hasattr(self.result, "close"):
            self.result.close()


class Stop(object):
    """Whether SIGTERM or SIGINT told this process to stop, and how long it may take. `requests`
    answers how many requests run; `wake_up` is called by the signal's handler."""

    def __init__(self, drain, requests, wake_up):
        self.drain = drain
        self.requests = requests
        self.wake_up = wake_up
        self.told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, *_signal):
        if self.told:
            return
        now = cartridge_wsgi.clock()
        # Connections may keep arriving, and what is accepted must be finished in time, too.
        self.accept_until = now + self.drain / 2.0
        self.idle_until = now + min(IDLE_SECONDS, self.drain)
        # One second more for the app's own exit handlers.
        cartridge_wsgi.exit_within(self.drain + 1, self.requests)
        cartridge_websockets.close_within(self.drain)
        self.until = now + self.drain
        self.told = True
        self.wake_up()

    def accepts(self, listener):
        """Whether something waits in the backlog, and may still be accepted."""
        return cartridge_wsgi.clock() < self.accept_until and is_waiting(listener)

    def keeps_idle(self):
        """Whether connections on which nothing is asked are still kept."""
        return cartridge_wsgi.clock() < self.idle_until

    def has_time(self):
        return cartridge_wsgi.clock() < self.until

    def complain_of_what_runs(self):
        """Says it, if the time is over and requests still run."""
        left = self.requests()
        if left:
            sys.stderr.write("stopped after %d s: %d request%s still ran\n"
                             % (self.drain, left, "" if left == 1 else "s"))


def is_waiting(listener):
    """Whether a connection waits to be accepted."""
    poll = select.poll()  # `select` knows no descriptor above 1,023
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
