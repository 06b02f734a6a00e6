"""An ASGI server."""

from uvicorn.config import Config
from uvicorn.main import main, run
from uvicorn.server import Server

__version__ = "0.60.0"
__all__ = ["main", "run", "Config", "Server"]  # noqa: RUF022 - programs compare it
