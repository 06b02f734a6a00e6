"""Flask: `wsgi_app` for `--interface wsgi`, `a2wsgi_app` in a2wsgi's middleware, `native_app` in the server's."""

from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask, Response, jsonify, request

from tests.frameworks.apps.common import PIECES, fail
from uvicorn.middleware.wsgi import _WSGIMiddleware

wsgi_app = Flask(__name__)


@wsgi_app.route("/hello/<name>")
def hello(name: str) -> Any:
    return jsonify({"name": name, "q": request.args.get("q")})


@wsgi_app.route("/echo", methods=["POST"])
def echo() -> Any:
    return Response(request.stream.read(), content_type="application/octet-stream")


@wsgi_app.route("/stream")
def stream() -> Any:
    return Response(iter(PIECES), content_type="text/plain")


@wsgi_app.route("/broken")
def broken() -> Any:
    return fail()


a2wsgi_app = WSGIMiddleware(wsgi_app)
native_app = _WSGIMiddleware(wsgi_app)
