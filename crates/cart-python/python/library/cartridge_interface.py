"""Whether an app is WSGI or ASGI, told by the object itself, once it is imported.

Nothing is called to find out, and no framework is imported for it: an app that is an instance of
one has imported it. Needs only the standard library; runs on Python 3.6 and newer, and 2.7, where
every app is WSGI.
"""

import functools
import os
import sys

WSGI, ASGI = "wsgi", "asgi"

SETTING = "OPENSHIFT_PYTHON_INTERFACE"
"""What a person says goes before what the app looks like."""
ASSUMED = "CARTRIDGE_INTERFACE"
"""What the cartridge goes by: it counts where the app itself does not tell."""

FUNCTION = type(lambda: None)
SLOT = type(FUNCTION.__call__)
ANY_NUMBER, COROUTINE = 0x04, 0x80
"""Flags of a function's code, as `inspect` has them."""

DEEPEST = 20
"""No app is wrapped more often."""

KNOWN = (
    # A class of ASGI apps may be made of one of WSGI apps: those come first.
    (ASGI, "fastapi", "FastAPI"),
    (ASGI, "starlette.applications", "Starlette"),
    (ASGI, "quart", "Quart"),
    (ASGI, "litestar", "Litestar"),
    (ASGI, "sanic", "Sanic"),
    (ASGI, "falcon.asgi", "App"),
    (ASGI, "django.core.handlers.asgi", "ASGIHandler"),
    (ASGI, "channels.routing", "ProtocolTypeRouter"),
    (ASGI, "asgiref.wsgi", "WsgiToAsgi"),
    (ASGI, "a2wsgi", "WSGIMiddleware"),
    (ASGI, "socketio", "ASGIApp"),
    (WSGI, "flask", "Flask"),
    (WSGI, "django.core.handlers.wsgi", "WSGIHandler"),
    (WSGI, "falcon", "App"),
    (WSGI, "bottle", "Bottle"),
    (WSGI, "pyramid.router", "Router"),
    (WSGI, "a2wsgi", "ASGIMiddleware"),
    (WSGI, "socketio", "WSGIApp"),
)


class Neither(Exception):
    """No server could call this app; says why."""


class Unknown(Exception):
    """It may be either; says why."""


def interface_of(application):
    """WSGI or ASGI, and why. Raises Neither or Unknown."""
    if sys.version_info[0] == 2:
        return WSGI, "Python 2 has no other"
    if getattr(application, "_asgi_single_callable", False):
        return ASGI, "is marked as ASGI"
    if getattr(application, "_asgi_double_callable", False):
        raise Neither("is ASGI 2, which was replaced in 2019: asgiref.compatibility has "
                      "guarantee_single_callable() for it")
    for interface, module, name in KNOWN:
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and isinstance(application, known):
            return interface, "is an instance of %s.%s" % (module, name)
    for called in _unwrapped(application):
        if _is_coroutine(called):
            return ASGI, "is called with await"
    return _by_parameters(application)


def complaint(application, speaks, label):
    """What is to be said of an app that a server cannot run which `speaks` WSGI or ASGI, else None.
    The beginning is read by the cartridge (`cart_python::interface`)."""
    if os.environ.get(SETTING, "").strip():
        return None
    both = "%s=wsgi or %s=asgi" % (SETTING, SETTING)
    try:
        found, why = interface_of(application)
    except Neither as error:
        return "%s %s" % (label, error)
    except Unknown as error:
        if os.environ.get(ASSUMED) == speaks:
            return None
        return "%s may be WSGI or ASGI, it %s: set %s" % (label, error, both)
    if found == speaks:
        return None
    return (
        "the app's interface is %s, which this server does not run: %s %s (if that is wrong, "
        "set %s=%s)" % (found.upper(), label, why, SETTING, speaks)
    )


def _unwrapped(application):
    """The app, what decorators and functools.partial have made it of, and what calls each."""
    for _ in range(DEEPEST):
        yield application
        yield getattr(type(application), "__call__", None)
        if isinstance(application, functools.partial):
            application = application.func
        elif "__wrapped__" in getattr(application, "__dict__", ()):
            application = application.__wrapped__
        else:
            return


def _is_coroutine(called):
    if _is_plain(called):
        return bool(called.__code__.co_flags & COROUTINE)
    if isinstance(called, SLOT):
        return False  # written in C
    import inspect

    # A class is called to make an instance, which is waited for: PEP 3333 has its like for WSGI.
    waited_for = inspect.isclass(called) and hasattr(called, "__await__")
    return inspect.iscoroutinefunction(called) or waited_for


def _by_parameters(application):
    count = _count(application, False)
    if count is None:
        # What a decorator made takes anything; what it was made of may say more, but it need not be
        # called as the whole is: werkzeug's takes a request.
        inner = _count(application, True)
        if inner not in (0, 2, 3):
            raise Unknown("takes any number of arguments")
        count = inner
    if count == 2:
        return WSGI, "takes (environ, start_response)"
    if count == 3:
        return ASGI, "takes (scope, receive, send)"
    if count < 2:
        raise Neither("takes %d argument%s: it looks like a function that makes the app, or like "
                      "ASGI 2" % (count, "" if count == 1 else "s"))
    raise Neither("takes %d arguments, where WSGI has 2 and ASGI 3" % count)


def _is_plain(called):
    """Whether it is a function that says all by itself: then `inspect` is not needed, which takes a
    megabyte and milliseconds. Marks and signatures that decorators leave are attributes."""
    return type(called) is FUNCTION and not called.__dict__


def _count(application, follow_wrapped):
    """With how many arguments it is called; None if that may be any number."""
    if _is_plain(application):
        code = application.__code__
        if code.co_flags & ANY_NUMBER:
            return None
        required = code.co_argcount - len(application.__defaults__ or ())
        return required if required > 1 else code.co_argcount
    import inspect

    try:
        signature = inspect.signature(application, follow_wrapped=follow_wrapped)
    except (TypeError, ValueError):
        raise Unknown("does not say what it is called with")
    parameters = signature.parameters.values()
    if any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(parameter.default is parameter.empty for parameter in positional)
    # A third one may have a default, for calls from elsewhere.
    return required if required > 1 else len(positional)
