"""A worker of gunicorn that serves HTTP/2 too, as docs/deployment.md sets options."""

from typing import Any, ClassVar

from uvicorn.workers import UvicornWorker


class Http2Worker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"http2": True}
