"""What the `web` process of the Procfile runs."""

import os
import uuid

from flask import Flask

from .migrate import MIGRATED
from .worker import ORDERS

app = Flask(__name__)


@app.route("/")
def first_page():
    goods = MIGRATED.read_text() if MIGRATED.exists() else "nothing yet"
    return f"On sale: {goods}"


@app.route("/orders", methods=["POST"])
def order():
    ORDERS.mkdir(exist_ok=True)
    number = uuid.uuid4().hex
    (ORDERS / f"{number}.new").touch()
    return number


@app.route("/port")
def port():
    return os.environ["PORT"]


@app.route("/health")
def health():
    return "1", {"Content-Type": "text/plain"}
