"""Worker processes for a server that has none that could be relied on, in every version of it.

    become_worker(3)

returns in each worker, which then serves, with its place among them, from 0: one that takes the place
of another has the same. In the process that called it, it never returns. That one looks after the others: it starts another when one has ended, passes SIGTERM on, and ends, with
status 0, when all have. A worker whose main process was killed is told to end as well: the next one
has workers of its own.

As with gunicorn, a worker that fails before any has ever served ends all of them, with its status;
later such a failure leaves the others alone, and is tried again once a second. Python 3 only.

gevent may have replaced what this needs: it is taken as it was, because the process that looks after
the others has no greenlets, and the thread that waits for its end would keep all greenlets waiting.
"""

import importlib
import mmap
import os
import signal
import sys


def _original(module, name):
    """What the standard library has, also where gevent has put something in its place."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(importlib.import_module(module), name)


_STOP = (signal.SIGTERM, signal.SIGINT)

_served = mmap.mmap(-1, 1)
"""One byte that all share: whether a worker has ever served."""


def become_worker(count):
    if sys.version_info[0] < 3:
        sys.stderr.write("one process serves, not %d: several need Python 3\n" % count)
        return 0
    return _Main(count).run()


def serving():
    """To be called by a worker that serves now."""
    _served[0:1] = b"1"


class _Main(object):
    def __init__(self, count):
        self.count = count
        self.workers = {}
        """The place of each, and when it was started."""
        self.stopping = False
        self.status = 0
        # Nobody writes: that it is closed is the message.
        self.death, self.life = os.pipe()

    def run(self):
        """Returns in a worker, with its place."""
        for number in _STOP:
            signal.signal(number, self.stop)
        while self.workers or not self.stopping:
            while len(self.workers) < self.count and not self.stopping:
                taken = set(place for place, _ in self.workers.values())
                place = min(set(range(self.count)) - taken)
                if self.start_worker(place):
                    return place
            self.wait_for_one()
        sys.exit(self.status)

    def start_worker(self, place):
        """Answers whether this is the worker."""
        # Until it has handlers of its own, it must not act upon a signal as this process would.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = _original("os", "fork")()
        if pid == 0:
            for number in _STOP:
                signal.signal(number, signal.SIG_DFL)
            os.close(self.life)
            _original("_thread", "start_new_thread")(self.end_with_main, ())
        else:
            self.workers[pid] = place, _original("time", "monotonic")()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
        return pid == 0

    def end_with_main(self):
        _original("os", "read")(self.death, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def wait_for_one(self):
        pid, status = _original("os", "waitpid")(-1, 0)
        worker = self.workers.pop(pid, None)
        if worker is None or self.stopping:
            return
        _, started = worker
        killed = os.WIFSIGNALED(status)
        how = "signal %d" % os.WTERMSIG(status) if killed else "status %d" % os.WEXITSTATUS(status)
        if _served[0:1] != b"1":
            self.status = 1 if killed else os.WEXITSTATUS(status) or 1
            self.stop()
            return
        sys.stderr.write("worker %d ended with %s, another takes its place\n" % (pid, how))
        sys.stderr.flush()
        if _original("time", "monotonic")() - started < 1:
            _original("time", "sleep")(1)

    def stop(self, *_signal):
        self.stopping = True
        for pid in list(self.workers):
            try:
                os.kill(pid, signal.SIGTERM)
            except OSError:
                pass  # it has ended
