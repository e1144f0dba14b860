"""The shop on the web: `application` is the app."""

from markupsafe import Markup

from shop.goods import GOODS

PAGE = Markup("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>The shop</title></head>
<body><main><h1>The shop</h1><ul>
{rows}
</ul></main></body>
</html>
""")
ROW = Markup("<li>{name}: {price}</li>")


def application(environ, start_response):
    if environ["PATH_INFO"] == "/health":
        return answer(start_response, "1", "text/plain")
    rows = Markup("\n").join(ROW.format(name=name, price=price) for name, price in GOODS)
    return answer(start_response, PAGE.format(rows=rows), "text/html; charset=utf-8")


def answer(start_response, text, content_type):
    body = text.encode("utf-8")
    start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
