//! Frameworks' classes and functions, and what an app made by them is. Names are those that people
//! import, from the frameworks' documentation.

use crate::variables::interface::Interface::{self, Asgi, Wsgi};

/// Something that makes an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    /// As people call it: `FastAPI`, `Django`.
    pub(crate) framework: &'static str,
    /// `None` where it depends on the framework's version.
    pub(crate) interface: Option<Interface>,
}

const MAKERS: &[(&str, &str, Option<Interface>)] = &[
    ("flask.Flask", "Flask", Some(Wsgi)),
    ("flask.app.Flask", "Flask", Some(Wsgi)),
    ("apiflask.APIFlask", "APIFlask", Some(Wsgi)),
    ("flask_openapi3.OpenAPI", "flask-openapi3", Some(Wsgi)),
    ("eve.Eve", "Eve", Some(Wsgi)),
    ("dash.Dash().server", "Dash", Some(Wsgi)),
    ("connexion.App", "Connexion", None),
    ("connexion.FlaskApp", "Connexion", None),
    ("connexion.AsyncApp", "Connexion", Some(Asgi)),
    ("bottle.Bottle", "Bottle", Some(Wsgi)),
    ("bottle.default_app", "Bottle", Some(Wsgi)),
    ("bottle.app", "Bottle", Some(Wsgi)),
    ("falcon.API", "Falcon", Some(Wsgi)),
    ("falcon.App", "Falcon", Some(Wsgi)),
    ("falcon.asgi.App", "Falcon", Some(Asgi)),
    ("pyramid.config.Configurator().make_wsgi_app", "Pyramid", Some(Wsgi)),
    ("pyramid.paster.get_app", "Pyramid", Some(Wsgi)),
    ("paste.deploy.loadapp", "Paste Deployment", Some(Wsgi)),
    ("cherrypy.Application", "CherryPy", Some(Wsgi)),
    ("cherrypy.tree.mount", "CherryPy", Some(Wsgi)),
    ("web.application().wsgifunc", "web.py", Some(Wsgi)),
    ("webapp2.WSGIApplication", "webapp2", Some(Wsgi)),
    ("morepath.App", "Morepath", Some(Wsgi)),
    ("tornado.wsgi.WSGIApplication", "Tornado", Some(Wsgi)),
    ("tornado.wsgi.WSGIAdapter", "Tornado", Some(Wsgi)),
    ("django.core.wsgi.get_wsgi_application", "Django", Some(Wsgi)),
    ("configurations.wsgi.get_wsgi_application", "Django", Some(Wsgi)),
    ("django.core.handlers.wsgi.WSGIHandler", "Django", Some(Wsgi)),
    ("django.core.asgi.get_asgi_application", "Django", Some(Asgi)),
    ("configurations.asgi.get_asgi_application", "Django", Some(Asgi)),
    ("channels.routing.ProtocolTypeRouter", "Channels", Some(Asgi)),
    ("channels.routing.get_default_application", "Channels", Some(Asgi)),
    ("fastapi.FastAPI", "FastAPI", Some(Asgi)),
    ("fastapi.applications.FastAPI", "FastAPI", Some(Asgi)),
    ("starlette.applications.Starlette", "Starlette", Some(Asgi)),
    ("quart.Quart", "Quart", Some(Asgi)),
    ("litestar.Litestar", "Litestar", Some(Asgi)),
    ("litestar.app.Litestar", "Litestar", Some(Asgi)),
    ("starlite.Starlite", "Starlite", Some(Asgi)),
    ("esmerald.Esmerald", "Esmerald", Some(Asgi)),
    ("ravyn.Ravyn", "Ravyn", Some(Asgi)),
    ("lilya.apps.Lilya", "Lilya", Some(Asgi)),
    ("blacksheep.Application", "BlackSheep", Some(Asgi)),
    ("blacksheep.server.Application", "BlackSheep", Some(Asgi)),
    ("sanic.Sanic", "Sanic", Some(Asgi)),
    ("emmett.App", "Emmett", Some(Asgi)),
    ("muffin.Application", "Muffin", Some(Asgi)),
    ("microdot.asgi.Microdot", "Microdot", Some(Asgi)),
    ("microdot.wsgi.Microdot", "Microdot", Some(Wsgi)),
    ("fasthtml.common.FastHTML", "FastHTML", Some(Asgi)),
    ("fasthtml.core.FastHTML", "FastHTML", Some(Asgi)),
    ("fasthtml.FastHTML", "FastHTML", Some(Asgi)),
    ("fasthtml.common.fast_app()[0]", "FastHTML", Some(Asgi)),
    ("gradio.mount_gradio_app", "Gradio", Some(Asgi)),
    ("socketio.WSGIApp", "Socket.IO", Some(Wsgi)),
    ("socketio.ASGIApp", "Socket.IO", Some(Asgi)),
    ("engineio.WSGIApp", "Engine.IO", Some(Wsgi)),
    ("engineio.ASGIApp", "Engine.IO", Some(Asgi)),
    ("spyne.server.wsgi.WsgiApplication", "Spyne", Some(Wsgi)),
    ("trac.web.main.dispatch_request", "Trac", Some(Wsgi)),
    ("shiny.App", "Shiny", Some(Asgi)),
    ("ariadne.asgi.GraphQL", "Ariadne", Some(Asgi)),
    ("ariadne.wsgi.GraphQL", "Ariadne", Some(Wsgi)),
    ("strawberry.asgi.GraphQL", "Strawberry", Some(Asgi)),
];

/// What wraps an app, and how the whole is called if that is not as what is inside. Socket.IO can do
/// without an app inside.
const WRAPPERS: &[(&str, Option<Interface>)] = &[
    ("whitenoise.WhiteNoise", None),
    ("whitenoise.base.WhiteNoise", None),
    ("whitenoise.django.DjangoWhiteNoise", None),
    ("dj_static.Cling", None),
    ("dj_static.MediaCling", None),
    ("static.Cling", None),
    ("werkzeug.middleware.proxy_fix.ProxyFix", None),
    ("werkzeug.contrib.fixers.ProxyFix", None),
    ("werkzeug.middleware.dispatcher.DispatcherMiddleware", None),
    ("werkzeug.wsgi.DispatcherMiddleware", None),
    ("werkzeug.middleware.shared_data.SharedDataMiddleware", None),
    ("werkzeug.debug.DebuggedApplication", None),
    ("beaker.middleware.SessionMiddleware", None),
    ("newrelic.agent.WSGIApplicationWrapper", None),
    ("newrelic.agent.ASGIApplicationWrapper", None),
    ("newrelic.agent.wsgi_application()", None),
    ("sentry_sdk.integrations.wsgi.SentryWsgiMiddleware", None),
    ("sentry_sdk.integrations.asgi.SentryAsgiMiddleware", None),
    ("elasticapm.contrib.starlette.ElasticAPM", None),
    ("starlette.middleware.cors.CORSMiddleware", None),
    ("fastapi.middleware.cors.CORSMiddleware", None),
    ("uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware", None),
    ("opentelemetry.instrumentation.wsgi.OpenTelemetryMiddleware", None),
    ("opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware", None),
    ("socketio.WSGIApp", None),
    ("socketio.ASGIApp", None),
    ("engineio.WSGIApp", None),
    ("engineio.ASGIApp", None),
    ("asgiref.wsgi.WsgiToAsgi", Some(Asgi)),
    ("a2wsgi.WSGIMiddleware", Some(Asgi)),
    ("uvicorn.middleware.wsgi.WSGIMiddleware", Some(Asgi)),
    ("starlette.middleware.wsgi.WSGIMiddleware", Some(Asgi)),
    ("fastapi.middleware.wsgi.WSGIMiddleware", Some(Asgi)),
    ("hypercorn.middleware.AsyncioWSGIMiddleware", Some(Asgi)),
    ("a2wsgi.ASGIMiddleware", Some(Wsgi)),
];

/// Made of no interface that a server of ours could call.
const OTHERS: &[(&str, &str)] = &[
    ("aiohttp.web.Application", "aiohttp"),
    ("tornado.web.Application", "Tornado"),
    ("robyn.Robyn", "Robyn"),
    ("japronto.Application", "Japronto"),
    ("gradio.Interface", "Gradio"),
    ("gradio.Blocks", "Gradio"),
    ("http.server.HTTPServer", "http.server"),
    ("http.server.ThreadingHTTPServer", "http.server"),
    ("socketserver.TCPServer", "socketserver"),
    ("chalice.Chalice", "AWS Chalice"),
    ("celery.Celery", "Celery"),
    ("typer.Typer", "Typer"),
    ("discord.Client", "discord.py"),
    ("discord.ext.commands.Bot", "discord.py"),
    ("telegram.ext.Application", "python-telegram-bot"),
];

/// Packages whose apps are programs of their own; names of apps there may be none.
const PROGRAMS: &[(&str, &str)] = &[
    ("streamlit", "Streamlit"),
    ("gradio", "Gradio"),
    ("nicegui", "NiceGUI"),
    ("chainlit", "Chainlit"),
    ("solara", "Solara"),
    ("flet", "Flet"),
    ("functions_framework", "Functions Framework"),
];

/// Calls that serve, and so do not come to an end.
const SERVING: &[&str] = &[
    "uvicorn.run",
    "waitress.serve",
    "bottle.run",
    "cherrypy.quickstart",
    "aiohttp.web.run_app",
    "werkzeug.serving.run_simple",
    "wsgiref.simple_server.make_server().serve_forever",
    "http.server.HTTPServer().serve_forever",
    "http.server.ThreadingHTTPServer().serve_forever",
    "gevent.pywsgi.WSGIServer().serve_forever",
    "flask_socketio.SocketIO().run",
    "web.application().run",
    "dash.Dash().run",
    "dash.Dash().run_server",
];

/// Frameworks whose apps serve by a method `run`.
const RUNNING: &[&str] = &["Flask", "APIFlask", "Eve", "Connexion", "Bottle", "Quart", "Sanic"];

/// What holds an app without being one: by which attribute, and whether that is called.
const HOLDERS: &[(&str, &str, bool)] = &[
    ("dash.Dash", "server", false),
    ("dash.dash.Dash", "server", false),
    ("web.application", "wsgifunc", true),
];

/// Functions become WSGI apps by these.
const DECORATORS: &[&str] = &[
    "webob.dec.wsgify",
    "webob.dec.wsgify()",
    "werkzeug.Request.application",
    "werkzeug.wrappers.Request.application",
    "werkzeug.wrappers.request.Request.application",
];

/// What an app is that `dotted` makes.
pub(crate) fn maker(dotted: &str) -> Option<Maker> {
    let known = MAKERS.iter().find(|(name, ..)| *name == dotted);
    known.map(|(_, framework, interface)| Maker { framework, interface: *interface })
}

/// The interface that a wrapper has if not that of the app in it; `None` for no wrapper that is
/// known.
pub(crate) fn wrapper(dotted: &str) -> Option<Option<Interface>> {
    WRAPPERS.iter().find(|(name, _)| *name == dotted).map(|(_, interface)| *interface)
}

/// The framework of something that no server here can serve.
pub(crate) fn not_served(dotted: &str) -> Option<&'static str> {
    OTHERS.iter().find(|(name, _)| *name == dotted).map(|(_, framework)| *framework)
}

/// The framework whose programs import this module, and serve nothing to a server.
pub(crate) fn program(module: &str) -> Option<&'static str> {
    let package = module.split('.').next().unwrap_or_default();
    PROGRAMS.iter().find(|(name, _)| *name == package).map(|(_, framework)| *framework)
}

/// Whether a call of this serves, and does not end.
pub(crate) fn serves(dotted: &str) -> bool {
    SERVING.contains(&dotted)
}

/// Whether apps of a framework serve by a method `run`.
pub(crate) fn runs_itself(framework: &str) -> bool {
    RUNNING.contains(&framework)
}

/// What an instance of this class holds, with what makes it, and whether it must be called.
pub(crate) fn held_by(dotted: &str) -> Option<(&'static str, Maker, bool)> {
    let (name, attribute, called) = HOLDERS.iter().find(|(name, ..)| *name == dotted)?;
    let framework = if name.starts_with("web.") { "web.py" } else { "Dash" };
    Some((attribute, Maker { framework, interface: Some(Wsgi) }, *called))
}

/// Whether apps are made by something in a package of this name.
pub(crate) fn is_package(name: &str) -> bool {
    MAKERS.iter().any(|(maker, ..)| maker.split('.').next() == Some(name))
}

/// Whether a function becomes a WSGI app by this decorator.
pub(crate) fn makes_wsgi(decorator: &str) -> bool {
    DECORATORS.contains(&decorator)
}

/// Attributes of an app of a framework that are WSGI apps, too, whatever holds them: Dash has
/// `server`, Pyramid's configurator and web.py's application have methods.
pub(crate) fn attribute(dotted: &str) -> Option<Maker> {
    let (_, last) = dotted.rsplit_once('.')?;
    let framework = match last {
        "make_wsgi_app" => "Pyramid",
        "wsgifunc" => "web.py",
        _ => return None,
    };
    Some(Maker { framework, interface: Some(Wsgi) })
}
