"""gunicorn's settings behind nginx: the cartridge's own, then those of the app.

    python -m gunicorn -c THIS_FILE --bind fd://3 'cartridge_wsgi:load_for_gunicorn("APP")'

APP is what the other launchers take. A plain MODULE:CALLABLE works too, with gunicorn's
own messages. An app's `gunicorn.conf.py` in the working directory is executed as
gunicorn would have, and what it sets goes before what is set here.
"""

import errno
import functools
import importlib.util
import mmap
import os
import signal
import sys
import tempfile
import time
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__))


def _make_our_modules_importable():
    """These only: this folder itself must not come before the app's."""
    for name in (
        "cartridge_stacks", "cartridge_limits", "cartridge_interface", "cartridge_wsgi",
        "cartridge_framing", "cartridge_workers", "cartridge_websockets", "cartridge_launch",
        "cartridge_transport", "cartridge_asgi", "cartridge_drain", "cartridge_uvicorn",
    ):
        if name not in sys.modules:
            path = os.path.join(_HERE, name + ".py")
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module


def _memory_folder():
    """Where the workers' heartbeat files cost no disk write, if this user may write there."""
    try:
        with tempfile.TemporaryFile(dir="/dev/shm"):
            return "/dev/shm"
    except OSError:
        return None


_make_our_modules_importable()

import cartridge_asgi  # noqa: E402
import cartridge_drain  # noqa: E402
import cartridge_framing  # noqa: E402
import cartridge_interface  # noqa: E402
import cartridge_limits  # noqa: E402
import cartridge_stacks  # noqa: E402
import cartridge_transport  # noqa: E402
import cartridge_uvicorn  # noqa: E402
import cartridge_websockets  # noqa: E402
import cartridge_wsgi  # noqa: E402


def _number(name, default):
    return int(os.environ.get(name) or default)  # set, but empty, is not set


# The workers, forked later, answer from their first moment.
cartridge_stacks.answer_signals()

worker_class = os.environ.get("OPENSHIFT_PYTHON_WORKER_CLASS") or "sync"
workers = _number("OPENSHIFT_PYTHON_WORKERS", 1)
if worker_class == "gthread" or worker_class.startswith("gunicorn.workers.gthread."):
    threads = 4  # with one, a WebSocket or a slow request would hold a whole worker
elif worker_class == "gevent" or worker_class.startswith("gunicorn.workers.ggevent."):
    # nginx limits them; from the 1,001st on a WebSocket would hang, although a greenlet costs little.
    worker_connections = _number("OPENSHIFT_NGINX_WORKER_CONNECTIONS", 8192)
graceful_timeout = _number("OPENSHIFT_PYTHON_DRAIN_TIMEOUT", 30)
# Longer than nginx keeps a connection, so that it is never gunicorn that closes one on
# which nginx is just sending a request.
keepalive = 75
# nginx limits requests; 0 is for no limit, where gunicorn has that (of headers it takes 32,768).
limit_request_line = 0
limit_request_fields = 0
limit_request_field_size = cartridge_limits.LONGEST_LINE
# nginx gives up a request before gunicorn gives up its worker, and the others in it.
timeout = _number("OPENSHIFT_NGINX_READ_TIMEOUT", 3600) + 30
# As the supervisor has it: some kinds of worker set it anew, for everybody who has the socket.
backlog = 4096
accesslog = None  # nginx keeps it
errorlog = "-"
capture_output = False
# Believed when they say https. On a unix socket gunicorn believes every peer: only
# nginx can be one.
forwarded_allow_ips = "127.0.0.1,::1"
worker_tmp_dir = _memory_folder()
proc_name = os.environ.get("OPENSHIFT_APP_NAME", "app")
# The supervisor controls gunicorn by signals; a socket more in $HOME is one to clean up.
control_socket_disable = True


def _app_settings():
    """What the app's own gunicorn.conf.py sets."""
    from gunicorn.config import KNOWN_SETTINGS

    path = os.path.join(os.getcwd(), "gunicorn.conf.py")
    if not os.path.isfile(path) or os.path.samefile(path, __file__):
        return {}
    namespace = {"__name__": "__config__", "__file__": path}
    try:
        with open(path, "rb") as source:
            exec(compile(source.read(), path, "exec"), namespace)
    except Exception as error:
        # gunicorn would name this file.
        traceback.print_exception(type(error), error, error.__traceback__.tb_next)
        sys.exit("the app's gunicorn.conf.py could not be read: %s" % error)
    known = {setting.name for setting in KNOWN_SETTINGS}
    return {name: value for name, value in namespace.items() if name in known}


_APP = _app_settings()
globals().update(_APP)

# The supervisor watches this process and owns the socket: not for an app to change.
daemon = False
reuse_port = False


def on_starting(server):
    """Tells gunicorn that the socket was handed to it, as systemd would: else it removes
    the socket's path when it stops, and fails when the path has been renamed."""
    server.systemd = True
    _survive_failing_workers(server)
    if "on_starting" in _APP:
        _APP["on_starting"](server)


# One byte that the master and all its workers share: whether one of them has ever booted.
_BOOTED = mmap.mmap(-1, 1)


def _survive_failing_workers(server):
    """gunicorn ends when a worker cannot boot. That is right at its start. Later it would take
    the workers down that serve well, because one was replaced after the app's files had
    changed for the worse: then the others go on, and it is tried again, once a second.

    At its start, a second worker that fails while gunicorn ends makes it break off with a
    traceback of its own, which hides the app's."""
    from gunicorn.errors import HaltServer

    halt, reap_workers = server.halt, server.reap_workers

    def reap_workers_patiently():
        try:
            reap_workers()
        except HaltServer as error:
            if _BOOTED[0] == 0:
                raise
            server.log.error("%s The other workers go on.", error.reason)
            for pid in [pid for pid in server.WORKERS if not _runs(pid)]:
                server.WORKERS.pop(pid).tmp.close()
            time.sleep(1)

    def halt_in_the_end(*args, **kwargs):
        while True:
            try:
                return halt(*args, **kwargs)
            except HaltServer:
                pass  # that worker is gone now: at most one round for each

    server.kill_workers = _saying_whom_it_kills(server)
    server.halt = halt_in_the_end
    server.reap_workers = reap_workers_patiently


def _saying_whom_it_kills(server):
    """gunicorn kills in silence those workers that do not end in time."""
    kill_workers = server.kill_workers

    def kill_workers_and_say_so(sig):
        if sig == signal.SIGKILL:
            for pid in [pid for pid in server.WORKERS if _runs(pid)]:
                server.log.error(
                    "Worker (pid:%s) has not ended within %s s and is killed. A request, a thread "
                    "that is no daemon, or the app's own handling of SIGTERM can hold one up",
                    pid, server.cfg.graceful_timeout)
        kill_workers(sig)

    return kill_workers_and_say_so


def _runs(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def pre_fork(server, worker):
    """With several sockets, gives the new worker a place among the others, for its own: one that none of
    those has, or the fewest, when they are replaced all together."""
    taken = [getattr(other, "cartridge_place", None) for other in server.WORKERS.values()]
    places = range(min(len(worker.sockets), max(1, server.num_workers)))
    worker.cartridge_place = min(places, key=taken.count)
    if "pre_fork" in _APP:
        _APP["pre_fork"](server, worker)


def _own_sockets(server, worker):
    """Those on which this worker accepts: all, or its own, so that clients stay with it. An app's
    gunicorn.conf.py may have made fewer workers than there are sockets, or more."""
    count = max(1, min(len(worker.sockets), server.num_workers))
    return [one for nth, one in enumerate(worker.sockets) if nth % count == worker.cartridge_place]


def post_fork(server, worker):
    """Lets SIGTERM end a worker that still boots. It has the master's handler until it has
    its own, which takes the signal and does nothing: the stop would wait for it in vain."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    worker.sockets = _own_sockets(server, worker)
    if "post_fork" in _APP:
        _APP["post_fork"](server, worker)


def worker_abort(worker):
    """gunicorn ends a worker that was silent for too long by an exception in the middle of what it
    does. In the import of the app that would look like an exit of the app's own."""
    if "worker_abort" in _APP:
        _APP["worker_abort"](worker)
    if cartridge_stacks.is_importing():
        cartridge_stacks.tell_of_import()
        os._exit(1)


def post_worker_init(worker):
    """Puts what is ours between gunicorn and the app. Here a worker has set all signal
    handlers that it wants."""
    _refuse_other_interface(worker)
    _BOOTED[0] = 1
    sigterm = signal.getsignal(signal.SIGTERM)
    cartridge_stacks.answer_signals()
    if "gevent" in sys.modules:
        cartridge_stacks.prepare_greenlets()
    if "post_worker_init" in _APP:
        _APP["post_worker_init"](worker)
    if _speaks_wsgi(worker):
        if sigterm != worker.handle_exit:
            worker.log.warning("The app handles SIGTERM itself: unless it ends this worker then, "
                               "that is killed when the time to stop is over")
        else:
            _close_websockets(worker)
        if "gevent.pywsgi" in sys.modules:
            cartridge_limits.widen_gevents()
            cartridge_framing.give_gevents_connections_to_one()
        _close_after_upgrades()
        _end_without_loss(worker)
        worker.wsgi = _behind_nginx(cartridge_framing.framed(worker.wsgi, cartridge_framing.read_rest))
        return
    drain = cartridge_drain.Drain()
    cartridge_transport.send_at_once()
    # gunicorn's own ASGI worker keeps the app elsewhere.
    for name in ("wsgi", "asgi"):
        application = getattr(worker, name, None)
        if _speaks_asgi(application):
            application = cartridge_asgi.between(application, worker.sockets[0].sock, drain)
            setattr(worker, name, application)
    _finish_as(drain, worker)
    if _is_uvicorns(worker):
        cartridge_limits.widen_uvicorns()
    # With h11, uvicorn's requests may have a head of 64 KiB, unless somebody says so.
    uvicorn = getattr(worker, "config", None)
    if getattr(uvicorn, "h11_max_incomplete_event_size", 0) is None:
        uvicorn.h11_max_incomplete_event_size = 2 * cartridge_limits.LONGEST_LINE


def _close_websockets(worker):
    """Has a WSGI worker's WebSockets told when it is stopped."""
    cartridge_websockets.remember()

    def told(number, frame):
        cartridge_websockets.close_within(worker.cfg.graceful_timeout)
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, told)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it


def _finish_as(drain, worker):
    """Has an ASGI worker's WebSockets closed as everywhere, within its time to stop: uvicorn's workers
    would close them at once, gunicorn's own leave them to be cut at the end."""

    def patient(shutdown, finish):
        async def shut_down(server, *args, **kwargs):
            drain.begin(worker.cfg.graceful_timeout)
            await finish(server, drain)
            await shutdown(server, *args, **kwargs)

        return shut_down

    async def at_once(server, drain):
        pass

    def told():
        drain.begin(worker.cfg.graceful_timeout)
        worker.handle_exit_signal()

    if "gunicorn.workers.gasgi" in sys.modules:
        from gunicorn.workers.gasgi import ASGIWorker

        ASGIWorker._shutdown = patient(ASGIWorker._shutdown, at_once)
        if isinstance(worker, ASGIWorker):
            # It looks once a second whether it was told to stop; its master's time runs already.
            worker.loop.add_signal_handler(signal.SIGTERM, told)
            # It says nothing of how many may wait, and asyncio makes that 100, for all workers.
            worker.loop.create_server = functools.partial(
                worker.loop.create_server, backlog=worker.cfg.backlog)
    if _is_uvicorns(worker):
        import uvicorn

        uvicorn.Server.shutdown = patient(uvicorn.Server.shutdown, cartridge_uvicorn.finish)


def _refuse_other_interface(worker):
    """In gunicorn's way: its AppImportError ends the master too, with one line."""
    from gunicorn.errors import AppImportError

    if _speaks_wsgi(worker):
        application, speaks = worker.wsgi, cartridge_interface.WSGI
    elif _is_asgi_worker(worker):
        application = getattr(worker, "asgi", None) or worker.wsgi
        speaks = cartridge_interface.ASGI
    else:
        return  # a worker that the app brings knows its app
    try:
        cartridge_wsgi.refuse_other_interface(application, speaks)
    except cartridge_wsgi.AppError as error:
        raise AppImportError(str(error))


def _is_asgi_worker(worker):
    modules = {base.__module__ for base in type(worker).__mro__}
    return "gunicorn.workers.gasgi" in modules or _is_uvicorns(worker)


def _is_uvicorns(worker):
    modules = {base.__module__.split(".")[0] for base in type(worker).__mro__}
    return not modules.isdisjoint(("uvicorn", "uvicorn_worker"))


def _speaks_wsgi(worker):
    from gunicorn.workers.base_async import AsyncWorker
    from gunicorn.workers.gthread import ThreadWorker
    from gunicorn.workers.sync import SyncWorker

    return isinstance(worker, (AsyncWorker, SyncWorker, ThreadWorker)) or _contains_wsgi(worker)


def _contains_wsgi(worker):
    """gunicorn's worker for tornado's own apps takes WSGI apps, too."""
    tornado = sys.modules.get("gunicorn.workers.gtornado")
    if tornado is None or not isinstance(worker, tornado.TornadoWorker):
        return False
    from tornado.web import Application

    return not isinstance(worker.wsgi, Application)


def _speaks_asgi(application):
    if not callable(application):
        return False
    try:
        return cartridge_interface.interface_of(application)[0] == cartridge_interface.ASGI
    except (cartridge_interface.Neither, cartridge_interface.Unknown):
        return False


def _close_after_upgrades():
    """A connection on which an upgrade was asked is never used again: what follows on it may
    not be a request."""
    from gunicorn.http.wsgi import Response

    should_close = Response.should_close

    def should_close_after_upgrade(self):
        for name, _ in self.req.headers:
            if name == "UPGRADE":
                return True
        return should_close(self)

    Response.should_close = should_close_after_upgrade


def _end_without_loss(worker):
    """A gthread worker of gunicorn 23 and older ends, at `max_requests` say, as if nobody had a
    connection to it. It closes those that are kept open, whatever just arrives on them: so none is
    kept. From 21 on it also forgets new ones until it has seen that something can be read from
    them; but what nginx opens has its request on it, and can be handed to a thread at once."""
    from gunicorn.workers.gthread import ThreadWorker

    if not isinstance(worker, ThreadWorker) or hasattr(worker, "method_queue"):
        return
    worker.cfg.set("keepalive", 0)
    if not hasattr(worker, "on_client_socket_readable"):
        return
    from gunicorn.workers.gthread import TConn

    def accept(server, listener):
        try:
            connection, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED):
                return
            raise
        worker.nr_conns += 1
        worker.enqueue_req(TConn(worker.cfg, connection, client, server))

    worker.accept = accept


def _behind_nginx(application):
    from cartridge_wsgi import ClientSocket

    def behind_nginx(environ, start_response):
        # A unix socket has no client address; nginx sends it along. gevent's own server, which is a
        # worker, too, knows nothing of a proxy, and no name on such a socket.
        if not environ.get("SERVER_NAME"):
            cartridge_wsgi.behind_nginx(environ)
        elif not environ.get("REMOTE_ADDR"):
            environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", "")
        if not cartridge_framing.asks_for_websocket(environ):
            # What an app writes past gunicorn on a shared connection would reach others.
            for name in ("gunicorn.socket", "gunicorn.sock"):
                environ.pop(name, None)
            return application(environ, start_response)
        if "gunicorn.socket" not in environ:
            return application(environ, start_response)
        client = environ["gunicorn.socket"] = ClientSocket(environ["gunicorn.socket"])
        response = application(environ, start_response)
        if client.taken:
            getattr(response, "close", lambda: None)()
            raise StopIteration  # gunicorn's sign for: write nothing, close
        return response

    return behind_nginx
