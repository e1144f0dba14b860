"""A Flask app. Flask's object is the WSGI callable; the cartridge looks for `application`."""

from flask import Flask, jsonify, render_template, request

application = Flask(__name__)


@application.route("/")
def first_page():
    name = request.args.get("name", "").strip() or "world"
    return render_template("first.html", name=name)


@application.route("/who")
def who():
    """What Flask knows about a request that came through nginx."""
    return jsonify(address=request.remote_addr, scheme=request.scheme, host=request.host)


@application.route("/health")
def health():
    return "1", {"Content-Type": "text/plain"}
