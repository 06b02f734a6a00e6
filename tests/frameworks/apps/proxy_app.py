"""A reverse proxy over httpx: `app` is the proxy, which passes on the status and all headers of `upstream`.

`app` reads the address of the upstream from the variable UPSTREAM. Below `/streamed` it passes the body on in parts,
below `/whole` in one message.
"""

import contextlib
import os
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


async def parts() -> AsyncIterator[bytes]:
    for number in range(20):
        yield b"part %d;" % number


async def chunked(request: Request) -> Response:
    return StreamingResponse(parts())


async def sized(request: Request) -> Response:
    return PlainTextResponse("x" * 100_000)


async def status(request: Request) -> Response:
    return Response(status_code=request.path_params["code"], headers={"etag": '"1"'})


async def echo(request: Request) -> Response:
    return Response(await request.body(), 201)


async def redirect(request: Request) -> Response:
    return Response(status_code=307, headers={"location": "/sized", "set-cookie": "a=1"})


upstream = Starlette(
    routes=[
        Route("/chunked", chunked),
        Route("/sized", sized),
        Route("/status/{code:int}", status),
        Route("/echo", echo, methods=["POST"]),
        Route("/redirect", redirect),
    ]
)

client = httpx.AsyncClient(base_url=os.environ.get("UPSTREAM", ""), trust_env=False)


async def _answer(request: Request) -> httpx.Response:
    headers = [(name, value) for name, value in request.headers.raw if name != b"host"]
    path = request.path_params["path"]
    passed = client.build_request(request.method, path, headers=headers, content=request.stream())
    return await client.send(passed, stream=True)


async def streamed(request: Request) -> Response:
    answer = await _answer(request)

    async def body() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(answer):
            async for part in answer.aiter_raw():
                yield part

    return StreamingResponse(body(), answer.status_code, answer.headers)


async def whole(request: Request) -> Response:
    answer = await _answer(request)
    return Response(await answer.aread(), answer.status_code, answer.headers)


METHODS = ["GET", "HEAD", "POST"]
app = Starlette(
    routes=[
        Route("/streamed/{path:path}", streamed, methods=METHODS),
        Route("/whole/{path:path}", whole, methods=METHODS),
    ]
)
