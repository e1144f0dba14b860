"""A Bottle app whose packages are locked: `/` says which version it runs on."""

from importlib.metadata import version

import bottle

app = bottle.Bottle()


@app.route("/")
def first_page():
    return {"bottle": version("bottle")}


@app.route("/health")
def health():
    bottle.response.content_type = "text/plain"
    return "1"
