"""A page for a WSGI server, which imports it."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def create_app():
    from flask import Flask  # noqa: PLC0415 - only under flask

    flask = Flask(__name__)
    flask.add_url_rule("/", view_func=lambda: "hello")
    return flask
