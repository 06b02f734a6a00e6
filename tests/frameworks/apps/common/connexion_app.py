"""Connexion: the operations of an OpenAPI specification."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import connexion
from starlette.responses import Response, StreamingResponse

from tests.frameworks.apps.common import STATE, fail, pieces, start


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    await start()
    yield


async def hello(name: str, q: str | None = None) -> dict[str, str | None]:
    return {"name": name, "q": q}


async def echo(body: Any = None) -> Response:
    # Connexion passes an empty body as an empty dict.
    return Response(body or b"", media_type="application/octet-stream")


async def stream() -> StreamingResponse:
    return StreamingResponse(pieces(), media_type="text/plain")


async def is_started() -> dict[str, bool]:
    return STATE


async def broken() -> None:
    fail()


def operation(function: Any, **more: Any) -> dict[str, Any]:
    return {
        "operationId": f"{__name__}.{function.__name__}",
        "responses": {"200": {"description": "an answer"}},
        **more,
    }


STRING = {"schema": {"type": "string"}}
SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "common", "version": "1"},
    "paths": {
        "/hello/{name}": {
            "get": operation(
                hello,
                parameters=[
                    {"name": "name", "in": "path", "required": True, **STRING},
                    {"name": "q", "in": "query", **STRING},
                ],
            )
        },
        "/echo": {
            "post": operation(
                echo,
                requestBody={
                    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
                },
            )
        },
        "/stream": {"get": operation(stream)},
        "/started": {"get": operation(is_started)},
        "/broken": {"get": operation(broken)},
    },
}
app = connexion.AsyncApp(__name__, lifespan=lifespan)
app.add_api(SPECIFICATION)
