"""A small app behind an nginx configuration of its own."""

PAGE = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>nginx my way</title><link rel="stylesheet" href="/assets/style.1.css"></head>
<body><main><h1>nginx my way</h1>
<p><a href="/old/news">/old/news</a> has moved to <a href="/news">/news</a>.</p></main></body>
</html>
"""


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/health":
        return answer(start_response, "200 OK", b"1")
    if path == "/":
        return answer(start_response, "200 OK", PAGE, "text/html; charset=utf-8")
    if path == "/news":
        return answer(start_response, "200 OK", b"No news.")
    return answer(start_response, "404 Not Found", b"There is nothing here.")


def answer(start_response, status, body, content_type="text/plain"):
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
