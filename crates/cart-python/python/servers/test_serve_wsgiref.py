"""Run by the crate's tests: `python -m unittest test_serve_wsgiref`."""

import argparse
import os
import socket
import unittest

import serve_wsgiref


def said(environ, start_response):
    start_response("200 OK", [])
    return [("%(HTTP_COOKIE)s and %(HTTP_X_OTHER)s" % environ).encode()]


class Headers(unittest.TestCase):
    def test_those_that_come_twice_are_one_and_cookies_have_a_sign_of_their_own(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind("\0test_serve_wsgiref.%d" % os.getpid())
        options = argparse.Namespace(threads=1, workers=1, drain=1)
        server = serve_wsgiref.Server(listener, said, options)
        client, connection = socket.socketpair()
        self.addCleanup(client.close)
        client.sendall(b"GET / HTTP/1.0\r\nCookie: a=1\r\nX-Other: 1\r\nCookie: b=2\r\nX-Other: 2\r\n\r\n")
        server.answer(connection, "")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        self.assertEqual(answer.rpartition(b"\r\n\r\n")[2], b"a=1; b=2 and 1,2")


if __name__ == "__main__":
    unittest.main()
