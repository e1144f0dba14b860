"""Serves a WSGI app with cheroot, on threads, on an inherited socket.

    serve_cheroot.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs cheroot.

SIGTERM: everything that waits in the socket's backlog is still accepted, requests are finished for
as long as --drain allows, then exit 0.
"""

import logging
import sys

try:
    from cheroot import server, wsgi
except ImportError as error:
    sys.stderr.write("serve_cheroot.py: cheroot is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

import socket
import threading
import time

import cartridge_framing
import cartridge_launch
import cartridge_workers
import cartridge_wsgi

MOMENT = 0.05
"""Seconds between two looks whether a stopping server is done."""


class HeaderReader(server.HeaderReader):
    """Not cheroot's, which keeps the last of several headers with a name that it does not know.
    nginx sends well formed requests."""

    def __call__(self, stream, headers):
        while True:
            line = stream.readline()
            if line in (b"\r\n", b""):
                return headers
            name, colon, value = line.partition(b":")
            if not colon:
                raise ValueError("Illegal header line.")
            # `X_Real_IP` would become the same environ key as nginx's X-Real-IP.
            if b"_" not in name:
                name, value = name.strip().title(), value.strip()
                headers[name] = headers[name] + b", " + value if name in headers else value


class Request(server.HTTPRequest):
    header_reader = HeaderReader()


class Connection(server.HTTPConnection):
    RequestHandlerClass = Request

    def _close_kernel_socket(self):
        # An app that took the connection over may have closed it: cheroot would end all threads.
        if self.socket.fileno() >= 0:
            server.HTTPConnection._close_kernel_socket(self)


class Gateway(wsgi.Gateway_10):
    """Runs the app for one request and writes what it answers, unless the app took the connection
    over."""

    client = None

    def get_environ(self):
        environ = wsgi.Gateway_10.get_environ(self)
        # The head is here: for how long anybody may be silent now, nginx says.
        self.req.conn.socket.settimeout(None)
        if "HTTP_UPGRADE" in environ:
            self.req.close_connection = True  # what follows may not be a request
        if cartridge_framing.asks_for_websocket(environ):
            self.client = cartridge_wsgi.ClientSocket(self.req.conn.socket)
            environ["werkzeug.socket"] = self.client
        return environ

    def respond(self):
        response = self.req.server.wsgi_app(self.env, self.start_response)
        try:
            # cheroot would send its own head when the app has failed before it made one.
            for block in response:
                if block and not self.is_taken():
                    self.write(block)
            if not self.is_taken():
                self.req.ensure_headers_sent()
        finally:
            if hasattr(response, "close"):
                response.close()
        if self.is_taken():
            self.req.sent_headers = True  # by the app
            self.req.close_connection = True

    def is_taken(self):
        return self.client is not None and self.client.taken


class Listener(socket.socket):
    """Of several workers only one gets a connection: the others must not wait for it."""

    def settimeout(self, _seconds):
        self.setblocking(False)


class Server(wsgi.Server):
    """cheroot's server on a socket that is there, with a stop that loses nothing."""

    ConnectionClass = Connection
    keep_alive_conn_limit = None

    def __init__(self, listener, application, options):
        wsgi.Server.__init__(
            self,
            "nginx" if cartridge_wsgi.is_behind_nginx(listener) else listener.getsockname()[:2],
            application,
            numthreads=options.threads,
            max=options.threads,
            request_queue_size=cartridge_launch.BACKLOG,
            timeout=cartridge_launch.KEEP_ALIVE,
            shutdown_timeout=options.drain,
        )
        self.gateway = Gateway
        self.listener = Listener(fileno=listener.detach())
        self.told_to_stop = threading.Event()
        self.told = cartridge_launch.Stop(options.drain, self.count, self.told_to_stop.set)

    def bind_unix_socket(self, _address):
        self.socket = self.listener

    def bind(self, *_address):
        self.socket = self.listener

    def serve(self):
        cartridge_workers.serving()
        drain = threading.Thread(target=self.drain, name="drain", daemon=True)
        drain.start()
        wsgi.Server.serve(self)
        drain.join()

    def drain(self):
        self.told_to_stop.wait()
        while self.told.accepts(self.listener):
            time.sleep(MOMENT)
        self.stop()

    def put_conn(self, conn):
        conn.socket.settimeout(self.timeout)
        wsgi.Server.put_conn(self, conn)

    def count(self):
        """How many requests are being answered."""
        threads = list(self.requests._threads)
        return self.requests.qsize + sum(thread.conn is not None for thread in threads)

    def error_log(self, msg="", level=logging.INFO, traceback=False):
        if level >= logging.WARNING:  # that a client is gone is nginx's to log
            wsgi.Server.error_log(self, msg, level, traceback)


def main():
    options, listener, application = cartridge_launch.begin(__doc__)
    application = cartridge_framing.framed(application, cartridge_framing.read_rest)
    application = cartridge_wsgi.with_whole_environ(application, listener, options.workers)
    Server(listener, application, options).start()


if __name__ == "__main__":
    main()
