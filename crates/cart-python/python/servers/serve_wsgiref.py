"""Serves a WSGI app with Python's own wsgiref, on threads, on an inherited socket.

    serve_wsgiref.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository.
nginx stands in front: it buffers slow clients and turns chunked request bodies into
Content-Length, so neither is handled here. Needs only the standard library.

SIGTERM: everything that waits in the socket's backlog is still accepted, every request
is finished, then exit 0.
"""

import errno
import io
import signal
import socket
import sys
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

try:
    from socketserver import BaseServer
except ImportError:  # Python 2
    from SocketServer import BaseServer

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_turns
import cartridge_websockets
import cartridge_workers
import cartridge_wsgi

SOFTWARE = "wsgiref/%d.%d" % sys.version_info[:2]
LONGEST_HEAD = 2 * cartridge_limits.LONGEST_LINE
HEAD_SECONDS = 60
"""How long a connection may take to send its request's head."""
CLIENT_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN, errno.EBADF)


def _text(data):
    return data if str is bytes else data.decode("iso-8859-1")


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

    def send_preamble(self):
        # nginx says Server and Date itself.
        status = "HTTP/%s %s\r\n" % (self.http_version, self.status)
        self._write(status if str is bytes else status.encode("iso-8859-1"))

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


class Received(io.RawIOBase):
    """What was received of a connection, and what still comes."""

    def __init__(self, received, connection):
        self.received = received
        self.connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self.received[:len(buffer)]
        if not part:
            return self.connection.recv_into(buffer)
        self.received = self.received[len(part):]
        buffer[:len(part)] = part
        return len(part)


class Writer(object):
    """Sends what was written when it is flushed, so that the head and the first block of a response leave
    together; wsgiref flushes after each block, so streaming works."""

    def __init__(self, connection):
        self.connection = connection
        self.written = []

    def write(self, data):
        self.written.append(data)

    def flush(self):
        data, self.written = b"".join(self.written), []
        if data:
            self.connection.sendall(data)


class Handler(WSGIRequestHandler):
    """One connection: one request, one response."""

    server_version = SOFTWARE

    def setup(self):
        self.connection = self.request
        self.wfile = Writer(self.connection)

    def handle(self):
        head = self.read_head()
        if head is None:
            return
        lines = head.split("\r\n")
        environ = self.parse(lines[0]) and self.environ_of(lines[1:])
        if not environ:
            return
        body = cartridge_wsgi.Body(self.rfile, int(environ["CONTENT_LENGTH"] or 0))
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
        """What comes before the first empty line, as text, or None; what follows it is in `rfile`."""
        received, end, is_limited = b"", -1, False
        try:
            while end < 0:
                if len(received) > LONGEST_HEAD:
                    return None
                try:
                    # Most often it is there already, and nobody has to look at a clock.
                    more = self.connection.recv(65536, 0 if is_limited else socket.MSG_DONTWAIT)
                except EnvironmentError as error:
                    if is_limited or error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                        raise
                    is_limited = True
                    self.connection.settimeout(HEAD_SECONDS)
                    continue
                if not more:
                    return None
                received += more
                end = received.find(b"\r\n\r\n", max(0, len(received) - len(more) - 3))
            if is_limited:
                self.connection.settimeout(None)
        except EnvironmentError:
            return None
        self.rfile = io.BufferedReader(Received(received[end + 4:], self.connection))
        return _text(received[:end])

    def parse(self, line):
        """Whether this line asks for something. Not http.server's way, which allows lines of 64 KiB."""
        self.requestline = line
        # Not at any white space: U+00A0 is, and may stand in a path.
        words = line.split(" ")
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            self.command, self.request_version = None, "HTTP/1.0"
            self.send_error(400, "Bad request line")
            return False
        self.command, self.path, self.request_version = words
        return True

    def environ_of(self, lines):
        """The environ of a request with these headers; None when they are none."""
        environ = self.server.base_environ.copy()
        environ["REQUEST_METHOD"] = self.command
        environ["PATH_INFO"] = cartridge_wsgi.path_of(self.path)
        environ["QUERY_STRING"] = self.path.partition("?")[2]
        environ["SERVER_PROTOCOL"] = self.request_version
        environ["REMOTE_ADDR"] = self.client_address[0]
        environ["wsgi.input_terminated"] = True
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                return self.send_error(400, "Bad header")
            # `X_Real_IP` would become the same key as nginx's X-Real-IP.
            if "_" not in name:
                key = "HTTP_" + name.upper().replace("-", "_")
                value = value.strip(" \t")
                separator = "; " if key == "HTTP_COOKIE" else ","  # RFC 6265, 5.4
                environ[key] = environ[key] + separator + value if key in environ else value
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if "HTTP_" + key in environ:
                environ[key] = environ.pop("HTTP_" + key)
        if environ["CONTENT_LENGTH"].strip("0123456789"):
            return self.send_error(400, "Bad Content-Length")
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
        try:
            self.wfile.flush()
        except EnvironmentError:
            pass  # the client is gone

    def address_string(self):
        return self.client_address[0]  # Python 2 would ask the name server

    def log_request(self, code="-", size="-"):
        pass  # nginx keeps the access log


class Server(WSGIServer):
    """wsgiref's server on a socket that is there, with threads that accept for themselves, and a stop
    that loses nothing."""

    def __init__(self, listener, application, options):
        BaseServer.__init__(self, listener.getsockname(), Handler)
        self.socket = listener
        self.behind_nginx = cartridge_wsgi.is_behind_nginx(listener)
        self.server_name, self.server_port = "localhost", 80
        if not self.behind_nginx:
            self.server_name, self.server_port = self.server_address[:2]
        self.setup_environ()
        self.set_app(application)
        self.drain = options.drain
        self.has_siblings = options.workers > 1
        self.turns = cartridge_turns.Turns(listener, options.threads, self.answer)

    def stop(self, *_signal):
        # Connections may keep arriving, and what is accepted must be finished in time too: so half the
        # time to accept.
        self.turns.stop(cartridge_wsgi.clock() + self.drain / 2.0)

    def serve(self):
        """Serves until `stop`, then at most `drain` seconds longer."""
        self.turns.serve()
        cartridge_wsgi.exit_within(self.drain, self.turns.running)
        cartridge_websockets.close_within(self.drain)
        self.turns.join(self.drain + 1)
        self.socket.close()

    def answer(self, connection, address):
        if self.behind_nginx:
            address = ("", 0)
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
