"""An endless response of Django, and a request that waits for its body."""

import asyncio
from collections.abc import AsyncIterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path


async def one_part() -> AsyncIterator[str]:
    yield "tick"
    await asyncio.Event().wait()


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(one_part())


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of a test")
urlpatterns = [path("stream", stream), path("echo", echo)]
app = get_asgi_application()
