"""Your app: the server calls `application` once for each request.

This one shows a page about the place it runs in. It needs no packages; change it, or
throw it away and write your own `application`.
"""

import html
import os
import platform
import string

import echo_socket

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = platform.python_implementation().replace("CPython", "Python")


def application(environ, start_response):
    path = environ.get("PATH_INFO") or "/"
    if path == "/ws":
        return echo_socket.serve(environ, start_response)
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        answer = page("405 Method Not Allowed", "Only GET and HEAD are answered here.")
        answer.headers.append(("Allow", "GET, HEAD"))
    elif path == "/":
        answer = welcome(environ)
    elif path == "/health":
        answer = Answer("200 OK", "1", "text/plain")
    else:
        answer = page("404 Not Found", "There is nothing at %s." % readable(path))
    return answer.send(environ, start_response)


class Answer:
    """A response: status, text, headers."""

    def __init__(self, status, text, content_type="text/html; charset=utf-8"):
        self.status = status
        self.body = text.encode("utf-8")
        self.headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
        ]

    def send(self, environ, start_response):
        start_response(self.status, self.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


def welcome(environ):
    server = environ.get("SERVER_SOFTWARE") or os.environ.get("OPENSHIFT_PYTHON_SERVER")
    second = os.environ.get("OPENSHIFT_PYTHON_WEBSOCKET_SERVER")
    below = os.environ.get("OPENSHIFT_PYTHON_WEBSOCKET_PATH")
    possible = second and below == "/ws" or echo_socket.possible(environ)
    return Answer("200 OK", fill(
        "welcome.html",
        nginx=os.environ.get("OPENSHIFT_NGINX_VERSION", ""),
        server=(server or "WSGI").split(" ")[0].replace("/", " "),
        beside="and %s below %s" % (second, below) if second else "",
        python="%s %s" % (PYTHON, platform.python_version()),
        websocket="yes" if possible else "no",
    ))


def page(status, sentence):
    return Answer(status, fill("message.html", title=status.split(" ", 1)[1],
                               code=status[:3], sentence=sentence))


def fill(name, **values):
    """A page from pages/, with every value escaped."""
    with open(os.path.join(HERE, "pages", name), encoding="utf-8") as file:
        template = string.Template(file.read())
    return template.substitute({key: html.escape(value) for key, value in values.items()})


def readable(path):
    """WSGI hands over a path's bytes as Latin-1; people write UTF-8."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
