def application(environ, start_response):
    body = b"1" if environ["PATH_INFO"] == "/health" else b"Hello, world!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
