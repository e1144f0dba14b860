"""WebSockets at a stop: when each is told to come back, and how those of a WSGI app are, where it has
them by the package simple-websocket (flask-sock is made of it).

    remember()          # before the app serves
    close_within(30)    # at the stop

Only the package itself knows where one of its messages ends, so WebSockets by others are left to be cut.
Runs on Python 3.6 and newer, and 2.7.
"""

import random
import time
import weakref

import cartridge_wsgi

try:
    import _thread
except ImportError:  # Python 2
    import thread as _thread

CODE, REASON = 1012, "service restart"
"""From IANA's registry for RFC 6455: clients come back by themselves."""
SPREAD = 5
"""Over how many seconds the closing of WebSockets is spread at most."""
AFTERWARDS = 1
"""How many seconds are left at most for their answers, and for what the app does then."""

_open = weakref.WeakSet()


def moment(seconds):
    """When to close one, in seconds after the beginning of a stop that takes so many: late, and not all
    in the same moment, because all come back."""
    spread, afterwards = (min(part, seconds / 4.0) for part in (SPREAD, AFTERWARDS))
    return seconds - afterwards - random.uniform(0, spread)


def remember():
    """From now on it is known which there are."""
    try:
        from simple_websocket.ws import Base
    except ImportError:
        return
    begin = Base.__init__

    def begin_and_be_remembered(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        _open.add(self)

    Base.__init__ = begin_and_be_remembered


def close_within(seconds):
    """Closes each at its moment. Returns at once, and may be called by a handler of signals."""
    begun = cartridge_wsgi.clock()

    def close_all():
        moments = {}
        while True:  # those that the app opens now, too
            for socket in list(_open):
                due = moments.setdefault(id(socket), moment(seconds))
                if cartridge_wsgi.clock() - begun >= due:
                    _open.discard(socket)
                    _close(socket)
            time.sleep(0.05)

    # No lock is taken so, and gevent makes a greenlet of it.
    _thread.start_new_thread(close_all, ())


def _close(socket):
    try:
        socket.close(CODE, REASON)
    except Exception:
        pass  # the client is gone, or the app has closed it
