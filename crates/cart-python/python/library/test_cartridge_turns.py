"""Run by the crate's tests: `python -m unittest test_cartridge_turns`."""

import os
import socket
import threading
import time
import unittest

import cartridge_turns
import cartridge_wsgi

LONG = 3600
"""Seconds: nothing here waits for so long unless it is broken."""


class Server(object):
    """Answers each connection with the name of the thread: at once (q), when it is let go on (w), or
    after it has slept for a moment (s)."""

    def __init__(self, threads):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("\0test_cartridge_turns.%d" % os.getpid())
        self.listener.listen(100)
        self.go_on = threading.Event()
        self.limits = set()
        """Those in time of the connections that were accepted."""
        self.turns = cartridge_turns.Turns(self.listener, threads, self.answer)
        self.main = threading.Thread(target=self.turns.serve)
        self.main.start()

    def answer(self, connection, _address):
        self.limits.add(connection.gettimeout())
        what = connection.recv(1)
        if what == b"w":
            self.go_on.wait()
        elif what == b"s":
            time.sleep(2 * cartridge_turns.SHORT)
        connection.sendall(threading.current_thread().name.encode())
        connection.close()

    def ask(self, what):
        """A connection on which is asked for an answer."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.listener.getsockname())
        connection.sendall(what)
        return connection

    def stop(self):
        self.go_on.set()
        self.turns.stop(cartridge_wsgi.clock() + LONG)
        self.main.join()
        self.turns.join(LONG)
        self.listener.close()


def said(connection):
    answer = connection.recv(100)
    connection.close()
    return answer


class Turns(unittest.TestCase):
    def serve(self, threads, moment, short=cartridge_turns.SHORT):
        for name, value in (("MOMENT", moment), ("SHORT", short)):
            self.addCleanup(setattr, cartridge_turns, name, getattr(cartridge_turns, name))
            setattr(cartridge_turns, name, value)
        server = Server(threads)
        self.addCleanup(server.stop)
        return server

    def test_quick_answers_come_from_one_thread(self):
        # It waits for this thread, too, which asks.
        server = self.serve(8, LONG, LONG)
        if not server.turns.are_kept:
            self.skipTest("no thread keeps its turn in this Python")
        self.assertEqual(len({said(server.ask(b"q")) for _ in range(100)}), 1)

    def test_after_an_answer_that_waited_the_next_ones_are_given_meanwhile(self):
        server = self.serve(2, LONG)
        said(server.ask(b"s"))
        slow = server.ask(b"w")
        said(server.ask(b"q"))
        server.go_on.set()
        said(slow)

    def test_time_limits_of_an_app_are_not_those_of_its_visitors(self):
        server = self.serve(1, LONG)
        self.addCleanup(socket.setdefaulttimeout, socket.getdefaulttimeout())
        socket.setdefaulttimeout(LONG)
        said(server.ask(b"q"))
        self.assertEqual(server.limits, {None})

    def test_who_takes_long_keeps_nobody_waiting(self):
        server = self.serve(3, 0.001)
        slow = [server.ask(b"w") for _ in range(2)]
        for _ in range(2 * cartridge_turns.AT_ONCE):
            said(server.ask(b"q"))
        while server.turns.running() != len(slow):
            pass
        server.go_on.set()
        self.assertEqual(len({said(one) for one in slow}), 2)

    def test_it_rests_when_nobody_asks_and_wakes_when_somebody_does(self):
        server = self.serve(2, 0.001)
        said(server.ask(b"q"))
        while server.turns.is_watched:
            pass
        slow = server.ask(b"w")
        said(server.ask(b"q"))
        server.go_on.set()
        said(slow)

    def test_what_waits_at_a_stop_is_answered_while_others_take_long(self):
        server = self.serve(2, LONG)
        slow = server.ask(b"w")
        while not server.turns.running():
            pass
        waiting = [server.ask(b"q") for _ in range(10)]
        server.turns.stop(cartridge_wsgi.clock() + LONG)
        self.assertTrue(all(said(one) for one in waiting))
        server.go_on.set()
        self.assertTrue(said(slow))


if __name__ == "__main__":
    unittest.main()
