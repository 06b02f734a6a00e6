"""Django Channels: routing, synchronous and asynchronous consumers, and a group over the in-memory layer."""

from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer, WebsocketConsumer  # noqa: E402  # needs the settings
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  # as above
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402  # as above
from django.core.asgi import get_asgi_application  # noqa: E402  # as above
from django.urls import path  # noqa: E402  # as above


class Echo(WebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    def connect(self) -> None:
        self.accept(self.scope["subprotocols"][0] if self.scope["subprotocols"] else None)

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data=text_data, bytes_data=bytes_data)
        if text_data == "close":
            self.close(code=4005, reason="as you wish")


class Chat(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # as above
    async def connect(self) -> None:
        self.room = self.scope["url_route"]["kwargs"]["room"]
        if self.room == "closed":
            await self.close()
            return
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room, self.channel_name)
        await self.channel_layer.group_send(self.room, {"type": "tell", "content": {"left": code}})

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.channel_layer.group_send(self.room, {"type": "tell", "content": content})

    async def tell(self, event: dict[str, Any]) -> None:
        await self.send_json(event["content"])


app = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AllowedHostsOriginValidator(
            URLRouter([path("echo", Echo.as_asgi()), path("chat/<str:room>", Chat.as_asgi())])
        ),
    }
)
