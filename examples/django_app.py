"""Django in one file, as an ASGI application.

pip install django
uvicorn examples.django_app:app
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="for this example only", ALLOWED_HOSTS=["*"])


async def hello(request: HttpRequest, name: str) -> JsonResponse:
    return JsonResponse({"hello": name, "query": request.GET.dict()})


urlpatterns = [path("hello/<str:name>", hello)]
app = get_asgi_application()
