"""Threads that take turns at accepting connections, for a server that has one connection for each request.

    turns = Turns(listener, 32, answer)     # answer(connection, address)
    turns.serve()                           # until a handler of signals has called turns.stop(until)
    turns.join(30)

One waits for a connection and answers, and another takes its place while an answer takes longer than a
moment. Connections go through no second hand, and when every thread is busy the others wait in the
kernel's backlog, where no crash of ours can lose them.

Python runs one thread at a time, so that quick answers come soonest from one thread that keeps its turn:
threads that wait for each other cost more than most requests. But who waits, say for a database, leaves
Python to others for that time: after an answer that has waited, turns are not kept for a while. The main
thread looks whether an answer takes longer, as long as there are any. Needs only the standard library;
runs on Python 2.7, too.
"""

import errno
import os
import select
import sys
import threading
import time

import cartridge_wsgi

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # Python 2
    RUSAGE_THREAD = None

MOMENT = 0.005
"""Seconds: how long an answer may take at least before another thread accepts in the meantime. Python
lets a thread run for so long when others want to (`sys.getswitchinterval`)."""
AT_ONCE = 30
"""After an answer that took longer or waited, for so many requests another thread accepts at once: then a
moment is waited for in vain once in so many."""
SHORT = 0.0005
"""Seconds: who waits no longer need not hand on the turn, which costs about as much."""
QUIET_MOMENTS = 4
"""After so many without a request, nobody looks at the clock until the next one."""


class Turns(object):
    """The threads of one process."""

    def __init__(self, listener, threads, answer):
        self.listener = listener
        self.listener.setblocking(False)
        self.most_threads = threads
        self.answer = answer
        self.accept_until = None
        self.stopped, self._stop = os.pipe()
        self.threads = []
        self.free_threads = 0
        self.turn = threading.Lock()
        self.counting = threading.Lock()
        """For all that follows, and the two counts of threads."""
        self.kept_for = None
        """The connection whose thread keeps its turn while it answers."""
        self.accepted = 0
        """How many connections were."""
        self.at_once = 0
        """For how many more connections turns are not kept: those before them took long."""
        self.are_kept = (
            RUSAGE_THREAD is not None and getattr(sys, "_is_gil_enabled", lambda: True)()
        )
        """Not in a Python that runs several threads at a time, or cannot tell who waits."""
        self.is_watched = False
        """Whether the main thread looks for answers that take long."""
        self.begun, self._begin = os.pipe()

    def stop(self, until):
        """What waits is accepted until then. For a handler of signals: nothing here takes a lock."""
        self.accept_until = until
        os.write(self._stop, b".")

    def serve(self):
        """Returns when `stop` was called; what was accepted is still being answered."""
        self.start_thread()
        while self.accept_until is None:
            if self.begun in wait_for(self.stopped, self.begun) and self.accept_until is None:
                os.read(self.begun, 1)
                self.watch()
        with self.counting:
            # From now on no turn is kept.
            if self.kept_for is not None:
                self.hand_on()

    def join(self, seconds):
        """Waits for the threads, so long for each."""
        for thread in self.threads:  # it may still grow, which this loop sees
            thread.join(seconds)

    def running(self):
        """How many connections are being answered."""
        return len(self.threads) - self.free_threads

    def watch(self):
        """Hands on the turn of who takes long to answer, until nobody has asked for a while."""
        seen, quiet = self.accepted, 0
        while self.accept_until is None:
            wait_for(self.stopped, seconds=MOMENT)
            with self.counting:
                if self.kept_for is not None and self.kept_for == seen:
                    self.at_once = AT_ONCE
                    self.hand_on()
                quiet = quiet + 1 if self.accepted == seen else 0
                seen = self.accepted
                if quiet >= QUIET_MOMENTS and self.kept_for is None:
                    self.is_watched = False
                    return

    def work(self):
        """One thread's life."""
        has_turn = False
        while True:
            if not has_turn:
                self.turn.acquire()
            accepted = self.accept()
            if accepted is None:
                self.turn.release()
                return
            nth = self.begin()
            waits, waited = self.waiting()
            self.answer(*accepted)
            now_waits, now_waited = self.waiting()
            has_turn = self.end(nth, now_waits > waits and now_waited - waited > SHORT)

    def begin(self):
        """Counts one connection more, which is answered by who has the turn."""
        with self.counting:
            self.free_threads -= 1
            self.accepted += 1
            self.kept_for = self.accepted
            if self.at_once or self.accept_until is not None or not self.are_kept:
                self.at_once = max(0, self.at_once - 1)
                self.hand_on()
            elif not self.is_watched:
                self.is_watched = True
                os.write(self._begin, b".")
            return self.accepted

    def waiting(self):
        """How often this thread has waited, and how long, which includes what it had no processor for."""
        if not self.are_kept:
            return 0, 0
        used = getrusage(RUSAGE_THREAD)
        return used.ru_nvcsw, cartridge_wsgi.clock() - used.ru_utime - used.ru_stime

    def end(self, nth, has_waited):
        """Whether the thread that has answered this one still has its turn."""
        with self.counting:
            self.free_threads += 1
            if self.kept_for != nth:
                return False
            self.kept_for = None
            if has_waited:
                self.at_once = AT_ONCE
            return True

    def hand_on(self):
        """To be called by who counts."""
        self.kept_for = None
        if not self.free_threads and len(self.threads) < self.most_threads:
            try:
                self.start_thread()
            except RuntimeError:  # the gear's limit of processes: slower, but answered
                self.free_threads -= 1
                self.threads.pop()
        self.turn.release()

    def start_thread(self):
        self.free_threads += 1
        self.threads.append(threading.Thread(target=self.work))
        self.threads[-1].start()

    def accept(self):
        """Waits for a connection. None when no more is accepted."""
        while self.accept_until is None or cartridge_wsgi.clock() < self.accept_until:
            try:
                connection, address = self.listener.accept()
                # An app may have set a default time limit, which is for what it asks of others.
                connection.setblocking(True)
                return connection, address
            except EnvironmentError as error:
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                    if self.accept_until is not None:
                        return None
                    wait_for(self.listener, self.stopped)
                elif error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    sys.stderr.write("cannot accept a connection now: %s\n" % error)
                    time.sleep(0.1)  # no condition to wait for: others may hold the rest
        return None


def wait_for(*readable, **limit):
    """Until something can be read, or for at most `seconds`. What can."""
    try:
        return select.select(readable, [], [], limit.get("seconds"))[0]
    except select.error as error:  # Python 2, when a signal came
        if error.args[0] != errno.EINTR:
            raise
        return []
