"""The supervisors of child processes. Each is imported when it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.supervisors.basereload import BaseReload
    from uvicorn.supervisors.multiprocess import Multiprocess

    ChangeReload: type[BaseReload]

__all__ = ["ChangeReload", "Multiprocess"]


def __getattr__(name: str) -> Any:
    if name == "Multiprocess":
        from uvicorn.supervisors.multiprocess import Multiprocess

        return Multiprocess
    if name == "ChangeReload":
        try:
            from uvicorn.supervisors.watchfilesreload import WatchFilesReload
        except ImportError:
            from uvicorn.supervisors.statreload import StatReload

            return StatReload
        return WatchFilesReload
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
