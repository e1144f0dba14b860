"""Serves a WSGI app with uWSGI on an inherited socket.

    serve_uwsgi.py [--threads N] [--workers N] [--drain SECONDS] MODULE:CALLABLE

The listening socket is descriptor 3, the working directory is the app's repository. Needs pyuwsgi,
which is uWSGI as a module of Python. The app is loaded once, before the workers are forked, as uWSGI
does it unless it is told otherwise.

uWSGI speaks HTTP here, in its workers, not its own protocol: an app's nginx.conf.erb reaches every
server by the same lines. An answer without a length goes in chunks, for which uWSGI has no option.

SIGTERM: requests are finished for as long as --drain allows, then exit 0. What waits in the backlog is
left there.
"""

import os
import socket
import sys
import traceback

try:
    import pyuwsgi
except ImportError as error:
    sys.stderr.write("serve_uwsgi.py: pyuwsgi is not installed for %s (%s)\n" % (sys.executable, error))
    sys.exit(1)

import cartridge_framing
import cartridge_launch
import cartridge_limits
import cartridge_wsgi

LARGEST_HEAD = 65535
"""Bytes of a head: uWSGI keeps their number in 16 bits."""

SOMAXCONN = "/proc/sys/net/core/somaxconn"
"""What the system makes of a larger backlog; uWSGI refuses that."""

application = None
"""What uWSGI calls: it looks for it by this name."""


def command_line(options, listeners):
    return sockets(options, listeners) + [
        "--master",
        "--single-interpreter",
        "--need-app",
        "--module", "serve_uwsgi:application",
        "--processes", str(options.workers),
        "--threads", str(options.threads),
        "--enable-threads",
        "--buffer-size", str(LARGEST_HEAD),
        "--max-vars", str(cartridge_limits.MOST_HEADERS),
        "--http-timeout", str(cartridge_launch.KEEP_ALIVE),
        "--listen", str(backlog()),
        # Else SIGTERM cuts what runs, or loads everything anew.
        "--hook-master-start", "unix_signal:15 gracefully_kill_them_all",
        "--worker-reload-mercy", str(options.drain),
        "--disable-logging",  # nginx keeps the access log
    ]


def sockets(options, listeners):
    arguments = []
    for listener in listeners:
        arguments += ["--http-socket", "fd://%d" % listener.fileno()]
    if len(listeners) > 1:
        for place in range(options.workers):
            arguments += ["--map-socket", "%d:%d" % (place, place + 1)]
    return arguments


def backlog():
    try:
        with open(SOMAXCONN) as file:
            return min(cartridge_launch.BACKLOG, int(file.read()))
    except (EnvironmentError, ValueError):
        return 100


class Answering(object):
    """`application` with what uWSGI lacks: an answer when the app fails, and one in chunks."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        client = None
        # Where it does not fit in beside the whole URL, uWSGI leaves it out without a word.
        environ["QUERY_STRING"] = environ.get("REQUEST_URI", "").partition("?")[2]
        if cartridge_framing.asks_for_websocket(environ):
            client = environ["werkzeug.socket"] = own_socket()
        answer = Answer(environ, start_response, client)
        try:
            blocks = self.application(environ, answer.start_response)
        except Exception:
            answer.fail()
            blocks = ()
        if isinstance(blocks, list) and answer.is_as_it_is():
            return blocks
        answer.blocks = blocks
        return answer


def own_socket():
    """The connection of the request that is answered now."""
    import uwsgi

    connection = socket.socket(fileno=os.dup(uwsgi.connection_fd()))
    connection.setblocking(True)
    return cartridge_wsgi.ClientSocket(connection)


class Answer(object):
    """The blocks that uWSGI sends for one request."""

    in_chunks = False
    has_begun = False
    blocks = ()

    def __init__(self, environ, start_response, client):
        self.environ = environ
        self.server_start_response = start_response
        self.client = client
        self.written = []

    def is_as_it_is(self):
        """Whether the app's blocks are all that is to be sent."""
        return self.client is None and not self.in_chunks and not self.written

    def __iter__(self):
        try:
            for block in self.blocks:
                for part in self.take_written():
                    yield self.framed(part)
                if block and not self.is_taken():
                    self.has_begun = True
                    yield self.framed(block)
            for part in self.take_written():
                yield self.framed(part)
        except Exception:
            self.fail()
            return
        if self.in_chunks:
            yield b"0\r\n\r\n"

    def fail(self):
        """Says so, or closes the connection, so that the client sees that something is missing. To be
        called where an exception is handled."""
        traceback.print_exc()
        if self.is_taken():
            return  # `close` does the rest
        if self.has_begun:
            raise
        self.in_chunks = False
        self.written = []
        self.server_start_response("500 Internal Server Error", [("Content-Length", "0")])

    def start_response(self, status, headers, exc_info=None):
        if self.environ["SERVER_PROTOCOL"] == "HTTP/1.1" and self.lacks_length(status, headers):
            headers = headers + [("Transfer-Encoding", "chunked")]
            self.in_chunks = True
        self.server_start_response(status, headers + [("Connection", "close")])
        return self.write

    def lacks_length(self, status, headers):
        for name, _ in headers:
            if name.lower() == "content-length":
                return False
        return status[:3] not in ("204", "304") and self.environ["REQUEST_METHOD"] != "HEAD"

    def write(self, block):
        self.written.append(block)

    def take_written(self):
        """What the app gave to `write`, the old way to send a body."""
        parts, self.written = self.written, []
        self.has_begun = self.has_begun or bool(parts)
        return parts

    def framed(self, block):
        return b"%x\r\n%s\r\n" % (len(block), block) if self.in_chunks else block

    def is_taken(self):
        return self.client is not None and self.client.taken

    def close(self):
        if hasattr(self.blocks, "close"):
            self.blocks.close()
        if self.client is not None:
            self.client.close()


def main():
    global application
    options, listeners, app = cartridge_launch.begin(__doc__, forks=False)
    for listener in listeners:
        listener.set_inheritable(True)
    app = cartridge_framing.framed(app, cartridge_framing.read_rest)
    application = Answering(cartridge_wsgi.with_whole_environ(app, listeners[0], options.workers))
    sys.modules["serve_uwsgi"] = sys.modules[__name__]
    pyuwsgi.run(command_line(options, listeners))


if __name__ == "__main__":
    main()
