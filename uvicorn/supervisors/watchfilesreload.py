"""Reloading with watchfiles: the operating system reports changes."""

from collections.abc import Callable
from pathlib import Path
from socket import socket

from watchfiles import watch

from uvicorn.config import Config
from uvicorn.config.reload_patterns import DEFAULT_EXCLUDES, DEFAULT_INCLUDES
from uvicorn.supervisors.basereload import BaseReload


class FileFilter:
    """Chooses the files whose changes cause a reload.

    The patterns of `config` have precedence over the defaults: a default include is not used if it is excluded, and a
    default exclude is not used if it is included. An include that a default exclude matches has precedence too: with
    the include `.env`, the default `.*` does not exclude this file. The include `*.html` does not include hidden files.
    """

    def __init__(self, config: Config) -> None:
        self.includes = [*(p for p in DEFAULT_INCLUDES if p not in config.reload_excludes), *config.reload_includes]
        self.excludes = config.reload_excludes
        self.default_excludes = {
            exclude: [include for include in config.reload_includes if Path(include).match(exclude)]
            for exclude in DEFAULT_EXCLUDES
            if exclude not in config.reload_includes
        }
        self.exclude_dirs = [directory.resolve() for directory in config.reload_dirs_excludes]

    def __call__(self, path: Path) -> bool:
        if not _matches(path, self.includes) or _matches(path, self.excludes):
            return False
        if not {path, *path.parents}.isdisjoint(self.exclude_dirs):
            return False
        return not any(
            path.match(exclude) and not _matches(path, includes) for exclude, includes in self.default_excludes.items()
        )


def _matches(path: Path, patterns: list[str]) -> bool:
    return any(path.match(pattern) for pattern in patterns)


class WatchFilesReload(BaseReload):
    """Watches the files in `config.reload_dirs` that `FileFilter` accepts."""

    reloader_name = "WatchFiles"

    def __init__(self, config: Config, target: Callable[..., None], sockets: list[socket]) -> None:
        super().__init__(config, target, sockets)
        self.watch_filter = FileFilter(config)
        self.watcher = watch(
            *config.reload_dirs,
            watch_filter=None,
            stop_event=self.should_exit,
            # The default collects changes for 1.6 s after each change, so a reload could be delayed without a limit.
            debounce=max(int(config.reload_delay * 1000), 1),
            # At least once a second, `run` has to notify the watchdog of the process manager.
            rust_timeout=1000,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )

    def should_restart(self) -> list[Path] | None:
        changed = sorted({Path(path) for _, path in next(self.watcher)})
        return [path for path in changed if self.watch_filter(path)] or None
