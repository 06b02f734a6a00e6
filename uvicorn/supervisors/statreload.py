"""Reloading without watchfiles: compares the modification times of files."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket

from uvicorn.config import Config
from uvicorn.config.reload_patterns import DEFAULT_INCLUDES
from uvicorn.supervisors.basereload import BaseReload

logger = logging.getLogger("uvicorn.error")


class StatReload(BaseReload):
    """Watches the Python files in `config.reload_dirs`."""

    reloader_name = "StatReload"

    def __init__(self, config: Config, target: Callable[..., None], sockets: list[socket]) -> None:
        super().__init__(config, target, sockets)
        self.mtimes: dict[Path, float] | None = None
        if config.reload_excludes or config.reload_includes:
            logger.warning("--reload-include and --reload-exclude have no effect unless watchfiles is installed.")

    def startup(self) -> None:
        # Read the times before the child starts. Otherwise a change between the import of a file and the first check
        # would not be noticed.
        self.mtimes = dict(self._stat())
        super().startup()

    def should_restart(self) -> list[Path] | None:
        self.pause()
        before, self.mtimes = self.mtimes, dict(self._stat())
        if before is None:
            return None
        changed = [path for path, mtime in self.mtimes.items() if before.get(path) != mtime]
        removed = [path for path in before if path not in self.mtimes]
        return changed + removed or None

    def _stat(self) -> Iterator[tuple[Path, float]]:
        for path in self.iter_py_files():
            try:
                yield path, path.stat().st_mtime
            except OSError:
                continue  # The file was removed, or cannot be read.

    def iter_py_files(self) -> Iterator[Path]:
        for directory in self.config.reload_dirs:
            for pattern in DEFAULT_INCLUDES:
                for path in directory.rglob(pattern):
                    yield path.resolve()
