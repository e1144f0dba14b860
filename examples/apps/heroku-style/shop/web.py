"""What the `web` process of the Procfile runs."""

import os

from flask import Flask

from .migrate import MIGRATED

app = Flask(__name__)


@app.route("/")
def first_page():
    goods = MIGRATED.read_text() if MIGRATED.exists() else "nothing yet"
    return f"On sale: {goods}"


@app.route("/port")
def port():
    return os.environ["PORT"]


@app.route("/health")
def health():
    return "1", {"Content-Type": "text/plain"}
