"""Serves a WSGI app with gevent, a greenlet for each connection, on an inherited socket.

    serve_gevent.py [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository.
Needs gevent. With gevent-websocket installed the app finds a finished WebSocket in
`environ["wsgi.websocket"]`, unless it brought simple-websocket, which makes its own.

SIGTERM: everything that waits in the socket's backlog is still accepted, requests are
finished for as long as --drain allows, then exit 0.
"""

import sys

try:
    from gevent import monkey
except ImportError as error:
    sys.stderr.write("serve_gevent.py: gevent is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)
monkey.patch_all()  # before anything else is imported

import itertools
import signal
import socket

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_stacks
import cartridge_websockets
import cartridge_workers
import cartridge_wsgi


def handler_base():
    """gevent-websocket's handler if the app counts on it, else gevent's own. An app that
    brought simple-websocket answers the handshake itself: two answers would be one too many."""
    try:
        import simple_websocket  # noqa: F401
    except ImportError:
        try:
            from geventwebsocket.handler import WebSocketHandler

            return WebSocketHandler
        except ImportError:
            pass
    return WSGIHandler


def handler_class(base, behind_nginx):
    """The class that answers the requests of one connection."""
    numbers = itertools.count(1)

    class Handler(base):
        def __init__(self, connection, address, server, rfile=None):
            if behind_nginx:
                # gevent-websocket tells its clients apart by their address.
                address = ("", next(numbers))
            else:
                # gevent writes a response's head and body apart.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            base.__init__(self, connection, address, server, rfile)

        def read_requestline(self):
            self.server.idle.add(self)
            try:
                return base.read_requestline(self)
            finally:
                self.server.idle.discard(self)

        def handle_one_request(self):
            result = base.handle_one_request(self)
            if self.server.draining:
                return None  # the last one on this connection
            return result

        def get_environ(self):
            environ = base.get_environ(self)
            if behind_nginx:
                environ.pop("REMOTE_PORT", None)
                cartridge_wsgi.behind_nginx(environ)
            return environ

        def write(self, data):
            if self.command != "HEAD":
                return base.write(self, data)
            # gevent would send the body, and the next response would follow it.
            base.write(self, b"")
            self.response_use_chunked = False

    return Handler


class Server(WSGIServer):
    """gevent's server with a stop that loses nothing."""

    def __init__(self, listener, application, has_siblings):
        behind_nginx = cartridge_wsgi.is_behind_nginx(listener)
        WSGIServer.__init__(
            self,
            listener,
            application,
            spawn=Pool(),
            log=None,  # nginx keeps the access log
            handler_class=handler_class(handler_base(), behind_nginx),
            environ={
                "SERVER_SOFTWARE": "gevent/" + gevent.__version__,
                "wsgi.multithread": True,
                # Then it accepts one at a time, and leaves others to the other workers.
                "wsgi.multiprocess": has_siblings,
            },
        )
        self.idle = set()
        self.draining = False

    def drain(self, seconds):
        """Accepts what waits in the backlog, then finishes what was accepted."""
        # One second more for the app's own exit handlers.
        cartridge_wsgi.exit_within(seconds + 1, self.requests)
        cartridge_websockets.close_within(seconds)
        end = cartridge_wsgi.clock() + seconds
        # Connections may keep arriving; what is accepted must be finished in time too.
        while cartridge_wsgi.clock() < end - seconds / 2.0 and self.is_waited_for():
            gevent.sleep(0)  # lets the server accept
        self.draining = True
        self.close()
        self.pool.join(timeout=min(cartridge_launch.IDLE_SECONDS, seconds))
        for handler in list(self.idle):
            self.hang_up(handler)
        self.pool.join(timeout=max(0, end - cartridge_wsgi.clock()))
        left = self.requests()
        if left:
            sys.stderr.write("stopped after %d s: %d request%s still ran\n"
                             % (seconds, left, "" if left == 1 else "s"))
        self.pool.kill(timeout=1)

    def requests(self):
        """How many are being answered: a connection may wait for its next one."""
        return len(self.pool) - len(self.idle)

    def is_waited_for(self):
        """Whether a connection waits in the backlog. Not gevent's select: it would wait a little."""
        return bool(monkey.get_original("select", "select")([self.socket], [], [], 0)[0])

    @staticmethod
    def hang_up(handler):
        try:
            handler.socket.shutdown(socket.SHUT_RD)
        except (AttributeError, EnvironmentError):
            pass  # closed in the meantime


def main():
    cartridge_stacks.prepare_greenlets()
    options, listener, application = cartridge_launch.begin(__doc__, threads=False)
    cartridge_framing.give_gevents_connections_to_one()
    cartridge_limits.widen_gevents()
    server = Server(listener, cartridge_framing.framed(application), options.workers > 1)
    told_to_stop = Event()
    gevent.signal_handler(signal.SIGTERM, told_to_stop.set)
    gevent.signal_handler(signal.SIGINT, told_to_stop.set)
    server.start()
    cartridge_workers.serving()
    told_to_stop.wait()
    server.drain(options.drain)


if __name__ == "__main__":
    main()
