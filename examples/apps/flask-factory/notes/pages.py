from flask import Blueprint, current_app

pages = Blueprint("pages", __name__)


@pages.route("/")
def first_page():
    return f"<h1>{current_app.config['TITLE']}</h1>"


@pages.route("/health")
def health():
    return "1", {"Content-Type": "text/plain"}
