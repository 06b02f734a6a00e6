"""What a reloader watches: patterns of file names, and the directories that hold the files."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

DEFAULT_INCLUDES: Final = ("*.py",)
DEFAULT_EXCLUDES: Final = (".*", ".py[cod]", ".sw.*", "~*")


def is_dir(path: Path) -> bool:
    """Whether `path` is a directory that can be looked at."""
    try:
        return path.resolve().is_dir()
    except OSError:
        return False


def resolve_reload_patterns(
    patterns_list: Iterable[str | os.PathLike[str]], directories_list: Iterable[str | os.PathLike[str]]
) -> tuple[list[str], list[Path]]:
    """Sort out what is a pattern and what is a directory.

    Args:
        patterns_list: glob patterns and paths; one that names or matches directories adds them.
        directories_list: paths of directories; those that do not exist are left out.

    Returns:
        The patterns, each once, and the resolved directories, without those that lie in another one of them.
    """
    patterns = list(dict.fromkeys(os.fspath(pattern) for pattern in patterns_list))
    candidates = [Path(directory) for directory in directories_list]
    for pattern in patterns:
        # ".*" means hidden files; as a glob it would match the hidden directories as well.
        if pattern != ".*":
            candidates += _matches(pattern)
    directories = dict.fromkeys(candidate.resolve() for candidate in candidates if is_dir(candidate))
    return patterns, [path for path in directories if directories.keys().isdisjoint(path.parents)]


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    if is_dir(path):
        return [path]
    # The glob of pathlib takes relative patterns only.
    base = Path(path.anchor) if path.anchor else Path.cwd()
    return list(base.glob(str(path.relative_to(path.anchor))))


def subtract(directories: Sequence[Path], excluded: Sequence[Path]) -> list[Path]:
    """Return the directories that are not excluded, neither themselves nor by one that they lie in."""
    return [path for path in directories if not any(other == path or other in path.parents for other in excluded)]
