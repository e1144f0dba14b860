"""What every way of serving an app shares: finding the app's callable, taking over
the listening socket, and believing what nginx says about the client.

Imported by the launchers, and made importable for gunicorn by
gunicorn.conf.py. Needs only the standard library; runs on Python 3.6 and newer, and 2.7.
"""

import argparse
import atexit
import importlib
import os
import signal
import socket
import sys
import threading
import time
import traceback

import cartridge_interface
import cartridge_stacks

try:
    import builtins
    from urllib.parse import unquote_to_bytes
except ImportError:  # Python 2
    import __builtin__ as builtins
    from urllib import unquote as unquote_to_bytes

LISTENER = 3
"""The descriptor on which the supervisor hands over the listening socket."""

GOODBYE_SECONDS = 2
"""How long to wait for the client to go when an app has ended its WebSocket."""

SETTING = "OPENSHIFT_PYTHON_WSGI_APPLICATION"


clock = getattr(time, "monotonic", time.time)
"""Seconds that only pass: a system whose clock is set must not cut a request short. Python 2
has no such clock."""


# After the app's own exit handlers: while the interpreter ends, the alarm of `exit_within` would kill.
atexit.register(signal.alarm, 0)


loaded = "the app"
"""The callable that was loaded last, for messages: `app` in main.py."""


class AppError(Exception):
    """The app cannot be served, with a message that names the file and the remedy."""


# --- the app ---------------------------------------------------------------


def load(value):
    """The callable that `value` names.

    `value` is `package.module:callable` or `path/to/file[.py]:callable`; without
    `:callable` it is `application`; a callable may be dotted (`site:web.application`), and may
    be called with literals (`site:create_app("live", debug=False)`) to get the app. In front
    may stand a folder that modules are imported from (`src/:site.web:application`).
    Raises AppError; when the app's own code failed, the failure is its `__cause__`.
    """
    folder = ""
    head, separator, rest = value.partition("/:")
    if separator and ":" not in head and "(" not in head:
        sys.path.insert(0, os.path.abspath(head))
        folder, value = head, rest
    target, _, name = value.partition(":")
    name, call, _ = (name or "application").partition("(")
    name = name.strip()
    arguments = value[value.index("(") :] if call else None
    is_file = target.endswith(".py") or "/" in target or os.path.isfile(target)
    source = target if is_file else _file_of(target, folder)
    cartridge_stacks.import_begins(source)
    gives_execfile = not hasattr(builtins, "execfile")
    if gives_execfile:
        builtins.execfile = _execfile
    try:
        module = _import_file(target) if is_file else _import_module(target, source)
        if is_file:
            label = target
        else:
            label = _relative(getattr(module, "__file__", None) or source)
        found = _find_callable(module, name, target, label)
        if arguments is not None:
            found = _made_by(found, name, arguments, label)
    finally:
        cartridge_stacks.import_ends()
        if gives_execfile:
            del builtins.execfile
    global loaded
    loaded = "`%s%s` in %s" % (name, arguments or "", label)
    return found


def _execfile(filename, globals=None, locals=None):
    """Python 2's: apps of the official cartridge begin with a call of it, to activate an environment
    which is active already, and run on Python 3 otherwise."""
    with open(filename, "rb") as file:
        code = compile(file.read(), filename, "exec")
    globals = sys._getframe(1).f_globals if globals is None else globals
    exec(code, globals, globals if locals is None else locals)


def _made_by(factory, name, arguments, label):
    """What the app's factory answers when it is called with `arguments`, literals in
    parentheses."""
    import ast  # only factories need it, and it takes a megabyte

    call = "%s%s in %s" % (name, arguments, label)
    try:
        tree = ast.parse("f" + arguments, mode="eval").body
        given = [ast.literal_eval(value) for value in tree.args]
        named = dict((word.arg, ast.literal_eval(word.value)) for word in tree.keywords)
    except (AttributeError, SyntaxError, ValueError):
        raise AppError("%s cannot be called: its arguments must be literals" % call)
    try:
        application = factory(*given, **named)
    except (Exception, SystemExit) as error:
        trace = sys.exc_info()[2]
        if isinstance(error, TypeError) and trace.tb_next is None:
            # It never began: the call is wrong, not the code.
            raise AppError("%s cannot be called like that (%s): change %s" % (call, error, SETTING))
        _raise_failure("%s failed" % call, error)
    if not callable(application):
        message = "%s answered %s, not an app" % (call, type(application).__name__)
        if application is None:
            message += ": is its `return` missing?"
        raise AppError(message)
    return application


def refuse_other_interface(application, speaks):
    """Raises AppError when the app that was loaded last cannot be called as `speaks` says."""
    complaint = cartridge_interface.complaint(application, speaks, loaded)
    if complaint:
        raise AppError(complaint)


def load_or_exit(value, speaks=cartridge_interface.WSGI):
    """Like `load`, for a program: on failure the traceback of the app's own code, then
    one line saying what is wrong, both on standard error, and exit status 1. So also for an
    app of another interface than the server `speaks`."""
    try:
        application = load(value)
        refuse_other_interface(application, speaks)
        return application
    except AppError as error:
        _write_own_traceback(error)
        fail(str(error))


def load_for_gunicorn(value):
    """Like `load_or_exit`, in gunicorn's way: its AppImportError ends the master too,
    with one line, where any other exit of a worker would only be followed by the next."""
    try:
        return load(value)
    except AppError as error:
        from gunicorn.errors import AppImportError

        _write_own_traceback(error)
        raise AppImportError(str(error))


def _import_module(target, source):
    try:
        return importlib.import_module(target)
    except ImportError as error:
        missing = getattr(error, "name", None)
        if not missing or not (target == missing or target.startswith(missing + ".")):
            _raise_import_failure(source, error)
        first = target.split(".")[0]
        other = getattr(sys.modules.get(first), "__file__", None)
        if not os.path.isfile(source):
            raise AppError(
                "there is no %s in %s: add it, or name your app's module in %s"
                % (source, os.getcwd(), SETTING)
            )
        if other and not os.path.abspath(other).startswith(os.path.join(os.getcwd(), "")):
            raise AppError(
                "%s is not imported, because the name %s is that of %s: rename it, or name the "
                "file itself in %s" % (source, first, other, SETTING)
            )
        _raise_import_failure(source, error)
    except (Exception, SystemExit) as error:
        _raise_import_failure(source, error)


def _file_of(module_name, folder):
    file = module_name.replace(".", "/") + ".py"
    inner = os.path.join(folder, file)
    return inner if os.path.isfile(inner) else file


def _import_file(path):
    """Imports any file as a module, with its folder importable, as mod_wsgi does."""
    if not os.path.isfile(path):
        raise AppError(
            "there is no file %s in %s: add it, or name your app's file in %s"
            % (path, os.getcwd(), SETTING)
        )
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    stem = os.path.splitext(os.path.basename(path))[0]
    # A file called like a module that already runs (queue.py) must not replace it, nor a package
    # beside it.
    is_taken = stem in sys.modules or os.path.isfile(os.path.join(folder, stem, "__init__.py"))
    name = "_app_" + stem if is_taken else stem
    try:
        return _execute(name, path)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        _raise_import_failure(path, error)


def _execute(name, path):
    try:
        from importlib.machinery import SourceFileLoader
        from importlib.util import module_from_spec, spec_from_loader
    except ImportError:  # Python 2
        import imp

        return imp.load_source(name, path)
    module = module_from_spec(spec_from_loader(name, SourceFileLoader(name, path)))
    sys.modules[name] = module
    module.__spec__.loader.exec_module(module)
    return module


def _raise_import_failure(label, error):
    if isinstance(error, SystemExit):
        message = "%s ended the program (sys.exit) while it was imported" % label
    else:
        return _raise_failure("%s could not be imported" % label, error)
    _raise_failure_saying(message, error)


def _raise_failure(what, error):
    said = traceback.format_exception_only(type(error), error)[-1].strip()
    message = "%s: %s" % (what, said)
    if isinstance(error, ImportError):
        message += " (if that is a package, list it in requirements.txt)"
    _raise_failure_saying(message, error)


def _raise_failure_saying(message, error):
    failure = AppError(message)
    failure.__cause__ = error
    if not hasattr(error, "__traceback__"):  # Python 2 keeps it elsewhere
        error.__traceback__ = sys.exc_info()[2]
    raise failure


def _find_callable(module, name, target, label):
    found = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise AppError(_missing(module, name, target, label))
    if not callable(found):
        raise AppError(
            "`%s` in %s is %s, not a callable: it must be a WSGI application, a callable that "
            "takes (environ, start_response), or an ASGI application"
            % (name, label, type(found).__name__)
        )
    return found


def _missing(module, name, target, label):
    message = "%s has no callable `%s`: define it, or name yours in %s" % (label, name, SETTING)
    for candidate in ("application", "app", "wsgi", "wsgi_app"):
        if candidate != name and callable(getattr(module, candidate, None)):
            return message + " (it has `%s`: %s=%s:%s)" % (candidate, SETTING, target, candidate)
    return message


def _write_own_traceback(error):
    """Writes what went wrong in the app's code, if that is what went wrong, without the
    frames of this file and of Python's import machinery."""
    error = getattr(error, "__cause__", None)
    trace = getattr(error, "__traceback__", None)
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if "importlib" not in path and os.path.splitext(path)[0] != os.path.splitext(__file__)[0]:
            break
        trace = trace.tb_next
    if error is not None:
        sys.stderr.write("".join(traceback.format_exception(type(error), error, trace)))


def _relative(path):
    path = path[:-1] if path.endswith(".pyc") else path
    inside = os.path.relpath(path)
    return path if inside.startswith("..") else inside


# --- the program -----------------------------------------------------------


def fail(message):
    """One line on standard error, exit status 1."""
    sys.stderr.write("%s: %s\n" % (os.path.basename(sys.argv[0]), message))
    sys.exit(1)


def arguments(description):
    """The parser with what every launcher takes: the app, and --drain."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("app", help="package.module:callable or path/to/file.py[:callable]")
    parser.add_argument(
        "--drain",
        type=_seconds,
        default=30,
        metavar="SECONDS",
        help="after SIGTERM, how long running requests may take (30)",
    )
    return parser


def _seconds(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("%s is not a number of seconds above zero" % text)
    return value


def enter_app_folder():
    """Puts the app's folder, the working directory, where Python put the launcher's, so
    that none of our files can be imported in place of the app's."""
    sys.path[0] = os.getcwd()


def listening_socket(nth=0):
    """The inherited listening socket, or the `nth` of several. The descriptor itself is closed, so that
    programs started by the app do not inherit it."""
    number = LISTENER + nth
    try:
        probe = socket.fromfd(number, socket.AF_UNIX, socket.SOCK_STREAM)
        listening = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        # The address tells the family: an object made for one family reads any.
        address = probe.getsockname()
    except EnvironmentError as error:
        fail("descriptor %d is not a socket (%s): the supervisor opens it" % (number, error))
    probe.close()
    if not listening:
        fail("descriptor %d is a socket, but not a listening one" % number)
    if not isinstance(address, tuple):
        family = socket.AF_UNIX
    else:
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    listener = socket.fromfd(number, family, socket.SOCK_STREAM)
    os.close(number)
    return listener


def exit_within(seconds, requests):
    """Ends this process, status 0, when it still runs after so many seconds, and says what
    held it up; `requests` answers how many requests run. An alarm, because neither a stuck
    request nor a thread of the app can hold that up."""

    def leave(_signal, frame):
        sys.stderr.write("stopped after %d s: %s\n" % (seconds, _what_runs(requests(), frame)))
        sys.stderr.flush()
        os._exit(0)

    signal.signal(signal.SIGALRM, leave)
    signal.alarm(seconds)


def _what_runs(requests, frame):
    if requests:
        return "%d request%s still ran" % (requests, "" if requests == 1 else "s")
    # threading.enumerate() would take a lock, which what was interrupted may hold.
    threads = list(threading._active.values())
    names = sorted(t.name for t in threads if not t.daemon and t.name != "MainThread")
    if names:
        return ("no request ran, but threads of the app's own did (%s): daemon=True lets a "
                "thread end with the app" % ", ".join(names))
    stack = "".join(traceback.format_stack(frame)).rstrip("\n")
    return "no request and no thread ran; the main thread stood at\n" + stack


# --- requests --------------------------------------------------------------


def is_behind_nginx(listener):
    """Whether nobody but nginx can be at the other end of this socket's connections."""
    return listener.family == socket.AF_UNIX


def behind_nginx(environ):
    """Corrects `environ` for a request that came through a unix socket, where only nginx
    can have sent it: the client's address, the scheme and the server's name."""
    environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", "")
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").lower()
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    host = environ.get("HTTP_HOST", "")
    environ["SERVER_NAME"], environ["SERVER_PORT"] = server_of(
        host, environ.get("wsgi.url_scheme")
    )


def with_whole_environ(application, listener, workers):
    """`application` for a server that knows nothing of nginx: with the client as nginx says it is
    (`behind_nginx`), a path without escapes, and a body that ends. `workers` is how many there are."""
    through_nginx = is_behind_nginx(listener)

    def application_with_whole_environ(environ, start_response):
        for name in ("REMOTE_HOST", "REMOTE_PORT"):
            environ.pop(name, None)
        if through_nginx:
            behind_nginx(environ)
        environ["PATH_INFO"] = path_of(environ["REQUEST_URI"])
        environ["wsgi.multiprocess"] = workers > 1
        environ["wsgi.errors"] = sys.stderr  # uWSGI's own keeps what is written to it for a while
        if not environ.get("wsgi.input_terminated"):
            length = environ.get("CONTENT_LENGTH", "")
            environ["wsgi.input"] = Body(environ["wsgi.input"], int(length or 0))
            environ["wsgi.input_terminated"] = True
        return application(environ, start_response)

    return application_with_whole_environ


def path_of(target):
    """The path that a request asks for, as it stands in environ: bytes as latin-1. Servers differ in
    what they do with %2F and with several slashes."""
    path = target.partition("?")[0]
    if "%" not in path:
        return path
    if str is bytes:
        return unquote_to_bytes(path)
    return unquote_to_bytes(path.encode("latin-1")).decode("latin-1")


class Body(object):
    """The request's body as a file that ends where Content-Length says. Without it an
    app that reads to the end would wait for ever for a client that waits for it."""

    def __init__(self, stream, length):
        self.stream = stream
        self.remaining = length

    def read(self, size=-1):
        return self._take(self.stream.read, size)

    def readline(self, size=-1):
        return self._take(self.stream.readline, size)

    def _take(self, read, size):
        if size is None or size < 0 or size > self.remaining:
            size = self.remaining
        if not size:
            return b""
        data = read(size)
        # A client that is gone sends nothing more.
        self.remaining = self.remaining - len(data) if data else 0
        return data

    def readlines(self, hint=-1):
        lines, size = [], 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def __iter__(self):
        return iter(self.readline, b"")


def server_of(host, scheme):
    """Name and port that a Host header says, both as text."""
    name, colon, port = host.rpartition(":")
    if not colon or not port or port.strip("0123456789"):
        name, port = host, "443" if scheme == "https" else "80"
    return name or "localhost", port


class ClientSocket(object):
    """The client's connection, for an app that takes it over to speak WebSocket.

    Given to the app where simple-websocket and flask-sock look for it: under
    `werkzeug.socket` in environ, by gunicorn under `gunicorn.socket`. It remembers whether
    the app wrote to it: then the connection is the app's, and the server must not write a
    response as well.
    """

    def __init__(self, connection):
        self._connection = connection
        # Two threads may send: the app its message, simple-websocket's own a pong or a ping. What
        # does not fit into the socket at once must not have the other's bytes in its middle.
        self._sending = threading.Lock()
        self.taken = False

    def send(self, data, *flags):
        # All of it: simple-websocket does not look at how much was sent, and with gevent
        # that may be less than everything.
        self.sendall(data, *flags)
        return len(data)

    def sendall(self, data, *flags):
        self.taken = True
        with self._sending:
            self._connection.sendall(data, *flags)

    def close(self):
        """Leaving with something unread would take the goodbye away from the client."""
        try:
            self._connection.settimeout(GOODBYE_SECONDS)
            self._connection.shutdown(socket.SHUT_WR)
            until = clock() + GOODBYE_SECONDS
            while clock() < until and self._connection.recv(65536):
                pass
        except EnvironmentError:
            pass  # the client is gone
        self._connection.close()

    def __getattr__(self, name):
        return getattr(self._connection, name)
