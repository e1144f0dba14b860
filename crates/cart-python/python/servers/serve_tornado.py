"""Serves a WSGI app with tornado's server, on threads, on an inherited socket.

    serve_tornado.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs tornado.
Not its WSGIContainer, which has an answer whole before it sends the first byte, and leaves a client
without an answer when the app fails. A request's body is here whole before the app is called, in a
file when it is large. An app gets no hand on its connection, so that there are no WebSockets.

SIGTERM: everything that waits in the socket's backlog is still accepted, requests are finished for
as long as --drain allows, then exit 0.
"""

import asyncio
import concurrent.futures
import sys
import tempfile
import traceback

try:
    import tornado
except ImportError as error:
    sys.stderr.write("serve_tornado.py: tornado is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.httputil import ResponseStartLine
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_workers
import cartridge_wsgi

MOMENT = 0.05
"""Seconds between two looks whether a stopping server is done."""
IN_MEMORY = 512 * 1024
"""Bytes of a request's body; a longer one is in a file."""


class ClientGone(Exception):
    """The client closed its connection before its answer was complete."""


class Request(HTTPMessageDelegate):
    """One request, from its head to the end of its answer. tornado calls it in its loop; the app
    runs in a thread."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.body = tempfile.SpooledTemporaryFile(IN_MEMORY)
        self.head = None
        self.has_begun = False

    def headers_received(self, start_line, headers):
        self.start_line, self.headers = start_line, headers
        self.connection.set_max_body_size(sys.maxsize)  # nginx limits it
        if "Upgrade" in headers:
            self.connection._disconnect_on_finish = True  # what follows may not be a request
        self.server.running.add(self)

    def data_received(self, chunk):
        self.body.write(chunk)

    def finish(self):
        self.server.threads.submit(self.answer)

    def on_connection_close(self):
        self.server.running.discard(self)

    # --- in a thread ---

    def answer(self):
        try:
            self.body.seek(0)
            self.send_blocks()
        except ClientGone:
            pass
        except BaseException:  # SystemExit, too: it is the app's
            traceback.print_exc()
            self.in_loop(self.fail)
        else:
            self.in_loop(self.connection.finish)
        finally:
            self.server.running.discard(self)
            self.body.close()

    def send_blocks(self):
        blocks = self.server.application(self.environ(), self.start_response)
        try:
            for block in blocks:
                if block:
                    self.write(block)
            if not self.has_begun:
                self.write(b"")
        finally:
            if hasattr(blocks, "close"):
                blocks.close()

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.has_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        self.head = (status, headers)
        return self.write

    def write(self, block):
        """Sends a block, and waits until there is room for the next."""
        try:
            self.in_loop(self.send, block)
        except StreamClosedError:
            raise ClientGone()

    def in_loop(self, call, *args):
        async def called():
            sent = call(*args)
            if sent is not None:
                await sent

        return asyncio.run_coroutine_threadsafe(called(), self.server.loop).result()

    # --- in the loop ---

    def send(self, block):
        """What to await until the block is sent. What tornado's methods answer is forgotten when the
        client closes the connection."""
        if self.connection.stream.closed():
            raise StreamClosedError()
        if self.has_begun:
            self.connection.write(block)
        else:
            self.begin(block)
        return self.connection._pending_write

    def begin(self, block):
        self.has_begun = True
        status, headers = self.head
        code, _, reason = status.partition(" ")
        fields = HTTPHeaders()
        for name, value in headers:
            fields.add(name, value)
        line = ResponseStartLine("HTTP/1.1", int(code), reason)
        self.connection.write_headers(line, fields, block)

    def fail(self):
        """Says so, or closes the connection, so that the client sees that something is missing."""
        if self.has_begun:
            self.connection.stream.close()
        elif not self.connection.stream.closed():
            self.head = ("500 Internal Server Error", [("Content-Length", "0")])
            self.begin(b"")
            self.connection.finish()

    def environ(self):
        start_line, headers = self.start_line, self.headers
        environ = {
            "REQUEST_METHOD": start_line.method,
            "SCRIPT_NAME": "",
            "REQUEST_URI": start_line.path,
            "QUERY_STRING": start_line.path.partition("?")[2],
            "SERVER_PROTOCOL": start_line.version,
            "SERVER_SOFTWARE": "tornado/" + tornado.version,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": str(self.connection.context.remote_ip),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": self.body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        for name, value in headers.items():
            # `X_Real_IP` would become the same key as nginx's X-Real-IP.
            if "_" not in name:
                environ["HTTP_" + name.replace("-", "_").upper()] = value
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if "HTTP_" + name in environ:
                environ[name] = environ.pop("HTTP_" + name)
        if "HTTP_TRANSFER_ENCODING" in environ:
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(self.body.tell())
        return environ


class Server(HTTPServerConnectionDelegate):
    """tornado's server with a stop that loses nothing."""

    def __init__(self, listener, application, options):
        self.listener = listener
        self.application = application
        self.threads = concurrent.futures.ThreadPoolExecutor(options.threads)
        self.running = set()
        self.options = options

    def start_request(self, server_conn, request_conn):
        return Request(self, request_conn)

    async def serve(self):
        self.loop = asyncio.get_event_loop()
        told = asyncio.Event()
        wake_up = lambda: self.loop.call_soon_threadsafe(told.set)  # noqa: E731
        stop = cartridge_launch.Stop(self.options.drain, self.requests, wake_up)
        server = HTTPServer(
            self,
            idle_connection_timeout=cartridge_launch.KEEP_ALIVE,
            max_header_size=2 * cartridge_limits.LONGEST_LINE,
            max_buffer_size=4 * cartridge_limits.LONGEST_LINE,
        )
        self.listener.setblocking(False)
        server.add_sockets([self.listener])
        cartridge_workers.serving()
        await told.wait()
        while stop.accepts(self.listener):
            await asyncio.sleep(MOMENT)
        server.stop()
        while stop.keeps_idle() and (self.running or server._connections):
            await asyncio.sleep(MOMENT)
        while self.running and stop.has_time():
            await asyncio.sleep(MOMENT)
        stop.complain_of_what_runs()
        await server.close_all_connections()

    def requests(self):
        """How many are being answered."""
        return len(self.running)


def main():
    options, listener, application = cartridge_launch.begin(__doc__)
    application = cartridge_framing.framed(application)
    application = cartridge_wsgi.with_whole_environ(application, listener, options.workers)
    IOLoop.current().run_sync(Server(listener, application, options).serve)


if __name__ == "__main__":
    main()
