"""Reloading with watchfiles: the system tells what changes."""

from collections.abc import Callable
from pathlib import Path
from socket import socket

from watchfiles import watch

from uvicorn.config import Config
from uvicorn.supervisors.basereload import BaseReload
from uvicorn.watch_patterns import DEFAULT_EXCLUDES, DEFAULT_INCLUDES


class FileFilter:
    """Tells which files are worth a reload: a default holds unless `config` names it on the other side."""

    def __init__(self, config: Config) -> None:
        self.includes = _patterns(DEFAULT_INCLUDES, config.reload_includes, config.reload_excludes)
        self.excludes = _patterns(DEFAULT_EXCLUDES, config.reload_excludes, config.reload_includes)
        self.exclude_dirs = [directory.resolve() for directory in config.reload_dirs_excludes]

    def __call__(self, path: Path) -> bool:
        if not any(path.match(pattern) for pattern in self.includes):
            return False
        if not {path, *path.parents}.isdisjoint(self.exclude_dirs):
            return False
        return not any(path.match(pattern) for pattern in self.excludes)


def _patterns(defaults: tuple[str, ...], added: list[str], opposed: list[str]) -> list[str]:
    return list(dict.fromkeys([*(pattern for pattern in defaults if pattern not in opposed), *added]))


class WatchFilesReload(BaseReload):
    """Watches `config.reload_dirs` for what `FileFilter` lets pass, as a `BaseReload`."""

    reloader_name = "WatchFiles"

    def __init__(self, config: Config, target: Callable[..., None], sockets: list[socket]) -> None:
        super().__init__(config, target, sockets)
        self.watch_filter = FileFilter(config)
        self.watcher = watch(
            *config.reload_dirs,
            watch_filter=None,
            stop_event=self.should_exit,
            # The default groups what changes within 1.6 s, however long the group becomes.
            debounce=max(int(config.reload_delay * 1000), 1),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )

    def should_restart(self) -> list[Path] | None:
        changed = sorted({Path(path) for _, path in next(self.watcher)})
        return [path for path in changed if self.watch_filter(path)] or None
