"""Serves a WSGI app with Python's own wsgiref, on threads, on an inherited socket.

    serve_wsgiref.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository.
nginx stands in front: it buffers slow clients and turns chunked request bodies into
Content-Length, so neither is handled here. Needs only the standard library.

SIGTERM: everything that waits in the socket's backlog is still accepted, every request
is finished, then exit 0.
"""

import errno
import os
import select
import signal
import socket
import sys
import threading
import time
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

try:
    from socketserver import BaseServer
except ImportError:  # Python 2
    from SocketServer import BaseServer

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_websockets
import cartridge_workers
import cartridge_wsgi

SOFTWARE = "wsgiref/%d.%d" % sys.version_info[:2]
# Python 2 cannot have a time limit together with a buffer.
HEAD_SECONDS = 60 if sys.version_info[0] > 2 else None
"""How long a connection may take to send its request's head."""
CLIENT_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN, errno.EBADF)


class ClientGone(Exception):
    """The client closed its connection while a response was being written."""


class Response(ServerHandler):
    """Runs the app for one request and writes what it answers, unless the app took the
    connection over.

    An answer of unknown length is sent in chunks. One that ends with its connection is held
    back by nginx until it fills a buffer: no event would arrive when it is sent."""

    server_software = SOFTWARE
    http_version = "1.1"
    # wsgiref would copy the process environment, secrets included, into each request's.
    os_environ = {}
    client = None
    body_follows = True
    chunked = False

    def taken(self):
        return self.client is not None and self.client.taken

    def finish_response(self):
        if self.taken():
            self.close()
        else:
            ServerHandler.finish_response(self)

    def cleanup_headers(self):
        ServerHandler.cleanup_headers(self)
        self.headers["Connection"] = "close"
        if self.needs_chunks():
            self.headers["Transfer-Encoding"] = "chunked"

    def needs_chunks(self):
        return (
            self.may_have_body()
            and "Content-Length" not in self.headers
            and self.environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        )

    def may_have_body(self):
        head_only = self.environ["REQUEST_METHOD"] == "HEAD"
        return not head_only and self.status[:3] not in ("204", "304")

    def send_headers(self):
        ServerHandler.send_headers(self)
        self.body_follows = self.environ["REQUEST_METHOD"] != "HEAD"
        self.chunked = "Transfer-Encoding" in self.headers

    def finish_content(self):
        if not self.headers_sent and not self.may_have_body():
            self.send_headers()  # wsgiref would say that there are 0 bytes
        ServerHandler.finish_content(self)
        if self.chunked:
            self.chunked = False
            self._write(b"0\r\n\r\n")
            self._flush()

    def _write(self, data):
        if not self.body_follows or self.taken():
            return
        if self.chunked:
            if not data:
                return  # a chunk of nothing would be the last one
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self._or_client_gone(self.stdout.write, data)

    def _flush(self):
        if not self.taken():
            self._or_client_gone(self.stdout.flush)

    @staticmethod
    def _or_client_gone(write, *args):
        try:
            write(*args)
        except EnvironmentError as error:
            if error.errno in CLIENT_GONE:
                raise ClientGone()
            raise

    def handle_error(self):
        if self.taken() or issubclass(sys.exc_info()[0], ClientGone):
            raise  # nobody is there to read a page about it
        ServerHandler.handle_error(self)

    def close(self):
        # Past ServerHandler.close, which writes an access log; nginx keeps that.
        SimpleHandler.close(self)


class Handler(WSGIRequestHandler):
    """One connection: one request, one response."""

    server_version = SOFTWARE
    # Buffered, so that the head and the first block of a response leave together;
    # wsgiref flushes after each block, so streaming works.
    wbufsize = -1
    timeout = HEAD_SECONDS

    def handle(self):
        if not self.read_head():
            return
        length = self.body_length()
        if length is None:
            self.send_error(400, "Bad Content-Length")
            return
        self.connection.settimeout(None)
        body = cartridge_wsgi.Body(self.rfile, length)
        environ = self.get_environ()
        response = Response(body, self.wfile, sys.stderr, environ, multithread=True,
                            multiprocess=self.server.has_siblings)
        response.request_handler = self
        response.client = environ.get("werkzeug.socket")
        try:
            response.run(self.server.get_app())
        except ClientGone:
            return
        if body.remaining and not response.taken():
            self.discard(body)

    def read_head(self):
        """Whether there is a request to answer."""
        try:
            self.raw_requestline = self.rfile.readline(cartridge_limits.LONGEST_LINE)
            if not self.raw_requestline:
                return False
            if not self.parse_request():
                return False
        except EnvironmentError:
            return False
        # `X_Real_IP` would become the same environ key as nginx's X-Real-IP.
        for name in [name for name in self.headers.keys() if "_" in name]:
            del self.headers[name]
        return True

    def parse_request(self):
        """Not http.server's, which allows a hundred headers of at most 64 KiB. nginx sends well
        formed requests."""
        line = self.raw_requestline.rstrip(b"\r\n")
        self.requestline = line if str is bytes else line.decode("iso-8859-1")
        # Not at any white space: U+00A0 is, and may stand in a path.
        words = self.requestline.split(" ")
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            self.command, self.request_version = None, "HTTP/1.0"
            self.send_error(400, "Bad request line")
            return False
        self.command, self.path, self.request_version = words
        if sys.version_info[0] > 2:
            self.headers = cartridge_limits.read_headers(self.rfile, self.MessageClass)
        else:
            self.headers = self.MessageClass(self.rfile, 0)
        return True

    def body_length(self):
        text = self.headers.get("content-length", "0").strip()
        return int(text) if text.isdigit() else None

    def get_environ(self):
        environ = WSGIRequestHandler.get_environ(self)
        environ["wsgi.input_terminated"] = True
        if self.headers.get("content-type") is None:
            del environ["CONTENT_TYPE"]
        if self.server.behind_nginx:
            cartridge_wsgi.behind_nginx(environ)
            if environ.get("wsgi.url_scheme") == "https":
                environ["HTTPS"] = "on"  # from which wsgiref takes the scheme
        if cartridge_framing.asks_for_websocket(environ):
            environ["werkzeug.socket"] = cartridge_wsgi.ClientSocket(self.connection)
        return environ

    def discard(self, body):
        """Reads what the app left unread: closing a connection with unread data would
        take the response away from a peer that is still sending."""
        try:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(cartridge_framing.UNREAD_SECONDS)
            until = cartridge_wsgi.clock() + cartridge_framing.UNREAD_SECONDS
            while body.read(65536) and cartridge_wsgi.clock() < until:
                pass
        except EnvironmentError:
            pass

    def finish(self):
        for stream in (self.wfile, self.rfile):
            try:
                stream.close()  # writes what is buffered
            except EnvironmentError:
                pass  # the client is gone

    def address_string(self):
        return self.client_address[0]  # Python 2 would ask the name server

    def log_request(self, code="-", size="-"):
        pass  # nginx keeps the access log


class Server(WSGIServer):
    """Threads that take turns at accepting: one waits for a connection, makes sure that
    another takes its place, and answers. Connections go through no second hand, and when
    every thread is busy the others wait in the kernel's backlog, where no crash of ours
    can lose them."""

    def __init__(self, listener, application, options):
        BaseServer.__init__(self, listener.getsockname(), Handler)
        self.socket = listener
        self.socket.setblocking(False)
        self.behind_nginx = cartridge_wsgi.is_behind_nginx(listener)
        self.server_name, self.server_port = "localhost", 80
        if not self.behind_nginx:
            self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()
        self.set_app(application)
        self.drain = options.drain
        self.accept_until = None
        self.wake_up, self._waker = os.pipe()
        self.most_threads = options.threads
        self.has_siblings = options.workers > 1
        self.threads = []
        self.free_threads = 0
        self.counting = threading.Lock()
        self.turn = threading.Lock()

    def stop(self, *_signal):
        # In a signal handler: nothing that takes a lock. Connections may keep arriving,
        # and what is accepted must be finished in time too: so half the time to accept.
        self.accept_until = cartridge_wsgi.clock() + self.drain / 2.0
        os.write(self._waker, b".")

    def serve(self):
        """Serves until `stop`, then at most `drain` seconds longer."""
        self.start_thread()
        while self.accept_until is None:
            self.wait_for(self.wake_up)
        cartridge_wsgi.exit_within(self.drain, self.requests)
        cartridge_websockets.close_within(self.drain)
        for thread in self.threads:  # it may still grow, which this loop sees
            thread.join(self.drain + 1)
        self.socket.close()

    def requests(self):
        """How many are being answered."""
        return len(self.threads) - self.free_threads

    def start_thread(self):
        self.free_threads += 1
        self.threads.append(threading.Thread(target=self.work))
        self.threads[-1].start()

    def work(self):
        """One thread's life."""
        while True:
            with self.turn:
                accepted = self.next_connection()
                if accepted is None:
                    return
                self.hand_on_turn()
            self.answer(*accepted)
            with self.counting:
                self.free_threads += 1

    def hand_on_turn(self):
        with self.counting:
            self.free_threads -= 1
            if self.free_threads or len(self.threads) == self.most_threads:
                return
            try:
                self.start_thread()
            except RuntimeError:  # the gear's limit of processes: slower, but answered
                self.free_threads -= 1
                self.threads.pop()

    def next_connection(self):
        """Waits for a connection. None when the server has stopped accepting."""
        while self.accept_until is None or cartridge_wsgi.clock() < self.accept_until:
            try:
                connection, address = self.socket.accept()
                connection.setblocking(True)
                return connection, ("", 0) if self.behind_nginx else address
            except EnvironmentError as error:
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                    if self.accept_until is not None:
                        return None
                    self.wait_for(self.socket, self.wake_up)
                elif error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    sys.stderr.write("cannot accept a connection now: %s\n" % error)
                    time.sleep(0.1)  # no condition to wait for: others may hold the rest
        return None

    @staticmethod
    def wait_for(*readable):
        try:
            select.select(readable, [], [])
        except select.error as error:  # Python 2, when a signal came
            if error.args[0] != errno.EINTR:
                raise

    def answer(self, connection, address):
        try:
            self.finish_request(connection, address)
        except Exception:
            self.handle_error(connection, address)
        finally:
            self.shutdown_request(connection)


def main():
    options, listener, application = cartridge_launch.begin(__doc__)
    application = cartridge_framing.framed(application)
    server = Server(listener, application, options)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    cartridge_workers.serving()
    server.serve()


if __name__ == "__main__":
    main()
