"""Django Ninja, on Django's ASGI handler."""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from tests.frameworks.apps.common import fail, pieces

settings.configure(
    SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DATA_UPLOAD_MAX_MEMORY_SIZE=None
)

from ninja import NinjaAPI  # noqa: E402  # the import reads the settings

api = NinjaAPI(docs_url=None, openapi_url=None)


@api.get("/hello/{name}")
def hello(request: HttpRequest, name: str, q: str | None = None) -> dict[str, str | None]:
    return {"name": name, "q": q}


@api.post("/echo")
async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


@api.get("/stream")
async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(pieces(), content_type="text/plain")


@api.get("/broken")
def broken(request: HttpRequest) -> None:
    fail()


urlpatterns = [path("", api.urls)]
app = get_asgi_application()
