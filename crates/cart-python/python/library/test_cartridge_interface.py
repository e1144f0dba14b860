"""Run by the crate's tests: `python -m unittest test_cartridge_interface`."""

import functools
import os
import sys
import types
import unittest

import cartridge_interface
from cartridge_interface import ASGI, WSGI, Neither, Unknown, complaint, interface_of


def wsgi(environ, start_response):
    pass


async def asgi(scope, receive, send):
    pass


class Called(object):
    def __init__(self, call):
        self.call = call


class WsgiCalled(object):
    def __call__(self, environ, start_response):
        pass


class AsgiCalled(object):
    async def __call__(self, scope, receive, send):
        pass


class WsgiClass(object):
    def __init__(self, environ, start_response):
        pass

    def __iter__(self):
        return iter(())


class AsgiClass(object):
    def __init__(self, scope, receive, send):
        pass

    def __await__(self):
        yield


class Asgi2Class(object):
    def __init__(self, scope):
        pass

    async def __call__(self, receive, send):
        pass


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def anything(*args):
    pass


class InterfaceOf(unittest.TestCase):
    def test_a_function_an_object_a_method_and_a_class_are_told_by_what_they_take(self):
        def returns_awaitable(scope, receive, send):
            return asgi(scope, receive, send)

        def with_more(environ, start_response, exc_info=None):
            pass

        for application in (wsgi, WsgiCalled(), WsgiCalled().__call__, WsgiClass, with_more):
            self.assertEqual(interface_of(application)[0], WSGI, application)
        for application in (asgi, AsgiCalled(), AsgiCalled().__call__, AsgiClass, returns_awaitable):
            self.assertEqual(interface_of(application)[0], ASGI, application)

    def test_what_is_wrapped_is_what_is_inside(self):
        def with_settings(settings, environ, start_response):
            pass

        async def asgi_with_settings(settings, scope, receive, send):
            pass

        for application in (decorated(wsgi), decorated(decorated(wsgi)),
                            functools.partial(with_settings, 1)):
            self.assertEqual(interface_of(application)[0], WSGI, application)
        for application in (decorated(asgi), decorated(decorated(asgi)),
                            functools.partial(asgi_with_settings, 1)):
            self.assertEqual(interface_of(application)[0], ASGI, application)

    def test_a_wrapper_without_end_ends(self):
        anything_else = decorated(wsgi)
        anything_else.__wrapped__ = anything_else
        self.assertRaises(Unknown, interface_of, anything_else)

    def test_a_marker_and_a_known_class_go_before_parameters(self):
        marked = functools.partial(anything)
        marked._asgi_single_callable = True
        self.assertEqual(interface_of(marked)[0], ASGI)
        marked = functools.partial(anything)
        marked._asgi_double_callable = True
        self.assertRaises(Neither, interface_of, marked)

        class Flask(object):
            def __call__(self, *args):
                pass

        sys.modules["flask"] = module = types.ModuleType("flask")
        module.Flask = Flask
        try:
            self.assertEqual(interface_of(Flask()), (WSGI, "is an instance of flask.Flask"))
        finally:
            del sys.modules["flask"]

    def test_no_framework_is_imported(self):
        interface_of(wsgi)
        for _, module, _ in cartridge_interface.KNOWN:
            self.assertNotIn(module, sys.modules)

    def test_what_no_server_can_call_is_refused_and_what_may_be_either_is_asked_about(self):
        for application in (lambda: wsgi, lambda config: wsgi, Asgi2Class, lambda a, b, c, d: None):
            self.assertRaises(Neither, interface_of, application)
        self.assertRaises(Neither, interface_of, decorated(lambda: wsgi))
        for application in (anything, lambda environ, *rest: None, max,
                            decorated(lambda request: None)):
            self.assertRaises(Unknown, interface_of, application)


class Complaint(unittest.TestCase):
    def setUp(self):
        for name in (cartridge_interface.SETTING, cartridge_interface.ASSUMED):
            os.environ.pop(name, None)

    tearDown = setUp

    def test_the_right_server_hears_nothing(self):
        self.assertIsNone(complaint(wsgi, WSGI, "`app` in app.py"))
        self.assertIsNone(complaint(asgi, ASGI, "`app` in app.py"))

    def test_the_other_one_hears_which_it_is_and_why(self):
        self.assertEqual(
            complaint(asgi, WSGI, "`app` in app.py"),
            "the app's interface is ASGI, which this server does not run: `app` in app.py is "
            "called with await (if that is wrong, set OPENSHIFT_PYTHON_INTERFACE=wsgi)",
        )
        self.assertIn("is WSGI", complaint(wsgi, ASGI, "`app` in app.py"))

    def test_what_may_be_either_is_what_was_assumed(self):
        self.assertIn("may be WSGI or ASGI", complaint(anything, WSGI, "`app` in app.py"))
        os.environ[cartridge_interface.ASSUMED] = WSGI
        self.assertIsNone(complaint(anything, WSGI, "`app` in app.py"))
        self.assertIsNotNone(complaint(anything, ASGI, "`app` in app.py"))
        self.assertIsNotNone(complaint(asgi, WSGI, "`app` in app.py"))

    def test_a_person_has_the_last_word(self):
        os.environ[cartridge_interface.SETTING] = "wsgi"
        self.assertIsNone(complaint(asgi, WSGI, "`app` in app.py"))


if __name__ == "__main__":
    unittest.main()
