"""Many processes: workers, and reloading."""

from typing import TYPE_CHECKING

from uvicorn.supervisors.basereload import BaseReload
from uvicorn.supervisors.multiprocess import Multiprocess

if TYPE_CHECKING:
    ChangeReload: type[BaseReload]
else:
    try:
        from uvicorn.supervisors.watchfilesreload import WatchFilesReload as ChangeReload
    except ImportError:
        from uvicorn.supervisors.statreload import StatReload as ChangeReload

__all__ = ["ChangeReload", "Multiprocess"]
