"""Django's ASGI handler. It has no lifespan, and Channels serves its WebSockets."""

from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from tests.frameworks.apps.common import PIECES, fail, pieces

settings.configure(
    SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DATA_UPLOAD_MAX_MEMORY_SIZE=None
)


def hello(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse({"name": name, "q": request.GET.get("q")})


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    # Since Django 4.2, an ASGI response needs an asynchronous iterator.
    return StreamingHttpResponse(pieces() if django.VERSION >= (4, 2) else iter(PIECES), content_type="text/plain")


def broken(request: HttpRequest) -> HttpResponse:
    return fail()


urlpatterns: list[Any] = [
    path("hello/<str:name>", hello),
    path("echo", echo),
    path("stream", stream),
    path("broken", broken),
]
app = get_asgi_application()
