"""Shows the stacks of a Python server to whoever asks by a signal, in its log.

Two signals, because one way alone is not enough. SHOW runs Python code in the main thread:
it knows names of threads and greenlets, and how many there are does not matter. While the
main thread is inside C code it does not run; then DUMP, Python's faulthandler, shows what C
code can see: 100 threads at most.

SHOW is one that does nothing to a process that does not know it; DUMP would end that, and
must only be sent to processes that catch it. Needs Python 3; without, nobody answers.
"""

import linecache
import os
import signal
import sys
import threading
import traceback

try:
    import faulthandler
except ImportError:  # Python 2
    faulthandler = None

SHOW = 23
"""SIGURG: no server uses it, and by default it is ignored."""
DUMP = 16
"""SIGSTKFLT: neither servers nor the system use it; Python has no name for it before 3.11."""

BEGIN = "--- stacks of process %d ---"
END = "--- end of stacks of process %d ---"

_log = None

_importing = None
"""The file of the app that is being imported, and the greenlet in which that is done, if it is
done in one; None when that is over."""


def answer_signals():
    """Makes this process and those that it forks answer. The log is what standard error is
    now, whatever the app does with it later. May be called again."""
    global _log
    if faulthandler is None:
        return
    if _log is None:
        _log = os.dup(2)
    try:
        faulthandler.register(DUMP, file=_log, all_threads=True, chain=False)
        signal.signal(SHOW, _show)
        # Whatever system call it interrupts goes on as if nothing had been.
        signal.siginterrupt(SHOW, False)
    except (AttributeError, ValueError, RuntimeError, OSError):
        pass  # not the main thread, say: a server without stacks is still a server


def import_begins(label):
    """From now on, whoever asks is told that the app is still being imported."""
    global _importing
    greenlet = sys.modules.get("greenlet")
    _importing = label, greenlet and greenlet.getcurrent()


def import_ends():
    global _importing
    _importing = None


def is_importing():
    return _importing is not None


def tell_of_import():
    """Says where the import of the app stands, for who is about to end this process over it."""
    _write("".join(line + "\n" for line in _import_that_does_not_end(sys._getframe())))


def _show(_signal, frame):
    """Takes no lock that the interrupted code may hold: no print, no logging."""
    pid = os.getpid()
    _write(BEGIN % pid + "\n")  # at once: who asked waits for it, and then patiently
    try:
        lines = []
        # In the main thread this stands on top of what it interrupted.
        lines.append("Main thread (most recent call last):")
        lines.extend(_indented(traceback.format_stack(frame)))
        for number, stack in sorted(sys._current_frames().items()):
            if not _stands_on(stack, frame):
                lines.append("Thread %s (most recent call last):" % _name(number))
                lines.extend(_indented(traceback.format_stack(stack)))
        lines.extend(_greenlets())
        lines.append(END % pid)
        lines.extend(_import_that_does_not_end(frame))
    except Exception as error:  # no end: then the other signal is sent
        lines = ["the stacks of process %d cannot be shown: %r" % (pid, error)]
    _write("\n".join(lines) + "\n")


def _import_that_does_not_end(frame):
    """One line, the last, for whoever asked because the app does not answer."""
    if _importing is None:
        return []
    label, greenlet = _importing
    # One that waits has let the hub run, which is what was interrupted.
    frame = top = getattr(greenlet, "gr_frame", None) or frame
    while frame is not None and not _is_apps_own(frame.f_code.co_filename):
        frame = frame.f_back
    place = frame or top
    path, line = place.f_code.co_filename, place.f_lineno
    code = linecache.getline(path, line).strip()
    return ["%s is still being imported; it stands at %s, line %d%s"
            % (label, path, line, ": " + code if code else "")]


def _is_apps_own(path):
    """Whether a file lies in the app's folder, which is the working directory, and is no package
    that was installed there."""
    path = os.path.abspath(path)
    return path.startswith(os.getcwd() + os.sep) and "site-packages" not in path


def _stands_on(stack, frame):
    """Whether `stack` goes back to `frame`. Not by the thread's number: gevent gives others."""
    while stack is not None and stack is not frame:
        stack = stack.f_back
    return stack is not None


def _name(number):
    # threading.enumerate() would take a lock.
    thread = threading._active.get(number)
    name = getattr(thread, "name", None)
    return "0x%x" % number if name is None else "0x%x %s" % (number, name)


def _indented(text):
    return ["  " + line for part in text for line in part.rstrip("\n").split("\n")]


def _greenlets():
    """gevent's own list. Imported by `prepare_greenlets`: nothing may be imported here."""
    util = sys.modules.get("gevent.util")
    if util is None:
        return []
    try:
        # Its text of the threads is ours again, but for the hub's name.
        return ["Greenlets:"] + _indented(util.format_run_info(thread_stacks=False))
    except Exception as error:  # an object of the app's that dislikes being looked at
        return ["Greenlets: cannot be listed: %r" % error]


def prepare_greenlets():
    """To be called where gevent runs."""
    try:
        import gevent.util  # noqa: F401
    except ImportError:
        pass


def _write(text):
    data = text.encode("utf-8", "backslashreplace")
    patience = 100000
    while data and patience:
        try:
            data = data[os.write(_log, data):]
        except BlockingIOError:  # somebody made the log non-blocking: its reader is at work
            patience -= 1
            os.sched_yield()
        except OSError:
            return  # a full disk, or nobody reads the log any more
