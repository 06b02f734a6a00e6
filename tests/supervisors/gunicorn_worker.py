"""A gunicorn worker with HTTP/2, which sets its options as docs/deployment.md shows."""

from typing import Any, ClassVar

from uvicorn.workers import UvicornWorker


class Http2Worker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"http2": True}
