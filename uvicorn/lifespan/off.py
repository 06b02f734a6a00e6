"""`--lifespan off`: the application gets no lifespan events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.config import Config


class LifespanOff:
    """The interface of `LifespanOn` for `--lifespan off`."""

    def __init__(self, config: Config) -> None:
        self.should_exit = False
        self.error_occurred = False
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass
