"""A FastAPI application on Ray Serve: replicas on all machines of a Ray cluster, behind this server on each of them.

pip install "ray[serve]"
serve run examples.ray_serve:app
"""

import asyncio
import os
from collections.abc import AsyncIterator

from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from ray import serve

api = FastAPI()


@serve.deployment(num_replicas=2)
@serve.ingress(api)
class Greeter:
    @api.get("/hello/{name}")
    async def hello(self, name: str) -> dict[str, str | int]:
        return {"hello": name, "process": os.getpid()}

    @api.get("/countdown/{start}")
    async def countdown(self, start: int) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for number in range(start, 0, -1):
                yield f"{number}\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(lines(), media_type="text/plain")

    @api.websocket("/echo")
    async def echo(self, websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)


app = Greeter.bind()
