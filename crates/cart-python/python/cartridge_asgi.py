"""What an ASGI app is told of a request that came through nginx, the same on every ASGI server.

Python 3 only. Believed is what nginx says in headers, so this must stand only where nothing but
nginx can be the peer: behind a unix socket.
"""

import cartridge_wsgi


def behind_nginx(application):
    """`application`, an ASGI callable, with `scope` corrected: the client's address, the scheme,
    the server's name, and one Cookie header where there were several."""

    async def application_behind_nginx(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            scope = _corrected(scope)
        await application(scope, receive, send)

    return application_behind_nginx


def _corrected(scope):
    headers, cookies, said = [], [], {}
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookies.append(value)
        else:
            headers.append((name, value))
        said[name] = value.decode("latin-1")
    if cookies:
        headers.append((b"cookie", b"; ".join(cookies)))
    scheme = said.get(b"x-forwarded-proto", "").lower()
    if scheme not in ("http", "https"):
        scheme = "http"
    name, port = cartridge_wsgi.server_of(said.get(b"host", ""), scheme)
    address = said.get(b"x-real-ip")
    if scope["type"] == "websocket":
        scheme = scheme.replace("http", "ws")
    return dict(
        scope,
        headers=headers,
        scheme=scheme,
        server=(name, int(port)),
        # nginx does not say the port.
        client=(address, 0) if address else None,
    )
