"""A WebSocket echo at /echo, with the package simple-websocket.

It runs on the cartridge's wsgiref and gevent servers and on gunicorn's gevent and
threaded workers: they all hand out the client's socket, each in its own place, and
simple-websocket knows these places.
"""

import os
import threading

from simple_websocket import ConnectionClosed, Server

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_BYTES = int(os.environ.get("ECHO_MOST_BYTES", 1024 * 1024))


class EchoServer(Server):
    """Answers a ping before a message that came behind it.

    simple-websocket receives in a thread of its own, and hands on a message before that thread
    has sent the pong. With real threads (wsgiref, gunicorn's gthread) the app may answer first,
    and two threads are at the protocol's state. An app that does not mind the order needs none
    of this.
    """

    def __init__(self, *args, **kwargs):
        self.turn = threading.Lock()  # before the thread, which this starts
        Server.__init__(self, *args, **kwargs)

    def send(self, data):
        with self.turn:
            Server.send(self, data)

    def _handle_events(self):
        with self.turn:
            return Server._handle_events(self)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/echo":
        return echo(environ, start_response)
    if path == "/health":
        return answer(start_response, "200 OK", "1")
    if path == "/":
        with open(os.path.join(HERE, "page.html"), encoding="utf-8") as page:
            return answer(start_response, "200 OK", page.read(), "text/html")
    return answer(start_response, "404 Not Found", "There is nothing here.")


def answer(start_response, status, text, content_type="text/plain"):
    body = text.encode("utf-8")
    headers = [
        ("Content-Type", content_type + "; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    start_response(status, headers)
    return [body]


def echo(environ, start_response):
    if environ.get("wsgi.websocket") is not None:
        return echo_gevent_websocket(environ["wsgi.websocket"])
    if not asks_for_websocket(environ):
        return answer(start_response, "426 Upgrade Required", "This address speaks WebSocket.")
    if not environ["wsgi.multithread"]:
        # A gunicorn `sync` worker: it would answer nobody else for as long as this lasts.
        return answer(start_response, "501 Not Implemented", "This server does no WebSockets.")
    # The pings keep proxies on the way from thinking that nobody is there any more.
    websocket = EchoServer.accept(environ, ping_interval=25, max_message_size=MOST_BYTES)
    try:
        while websocket.connected:
            # With a limit, because simple-websocket 1.1 may forget to wake us at the end.
            message = websocket.receive(timeout=5)
            if message is not None:
                websocket.send(message)
    except (ConnectionClosed, OSError):
        pass  # the client is gone
    # Its thread may still be answering the client's goodbye.
    websocket.thread.join(timeout=5)
    if "gunicorn.socket" in environ:
        # For gunicorn: the connection has been dealt with, write nothing more to it.
        raise StopIteration
    return []


def asks_for_websocket(environ):
    return (
        environ["REQUEST_METHOD"] == "GET"
        and environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and environ.get("HTTP_SEC_WEBSOCKET_VERSION") == "13"
        and bool(environ.get("HTTP_SEC_WEBSOCKET_KEY"))
    )


def echo_gevent_websocket(websocket):
    """With gevent-websocket installed, and simple-websocket not, the server makes the
    WebSocket. So it was with the original cartridge."""
    try:
        while True:
            message = websocket.receive()
            if message is None:
                break
            websocket.send(message)
    except OSError:
        pass  # the client is gone
    return []
