"""A small Django project in one file, served through its ASGI handler."""

import json
from collections.abc import AsyncIterator
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DEBUG=False,
        ROOT_URLCONF=__name__,
        SECRET_KEY="for tests",
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        LOGGING_CONFIG=None,
    )
    django.setup()


async def echo_json(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"received": json.loads(request.body), "query": request.GET.dict()})


def form(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"fields": request.POST.dict()})


def upload(request: HttpRequest) -> JsonResponse:
    file: Any = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": file.size, "note": request.POST["note"]})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> AsyncIterator[bytes]:
        for number in range(1000):
            yield b"line %d\n" % number

    return StreamingHttpResponse(lines(), content_type="text/plain")


def read_stream(request: HttpRequest) -> JsonResponse:
    size = 0
    while piece := request.read(65536):
        size += len(piece)
    return JsonResponse({"size": size})


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("broken on purpose")


urlpatterns = [
    path("json", echo_json),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("read", read_stream),
    path("cookies", cookies),
    path("broken", broken),
]

app = get_asgi_application()
