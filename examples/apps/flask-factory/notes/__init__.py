"""A Flask app made by a function, as Flask's own tutorial does it."""

from flask import Flask


def create_app(test_config=None):
    app = Flask(__name__)
    app.config["TITLE"] = "Notes"
    if test_config is not None:
        app.config.update(test_config)

    from . import pages

    app.register_blueprint(pages.pages)
    return app
