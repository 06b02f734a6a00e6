"""Finds what a reloader watches: patterns of file names, and directories."""

import logging
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path  # the import takes a millisecond, and few servers reload

logger = logging.getLogger("uvicorn.error")

FilePath = str | os.PathLike[str]

DEFAULT_INCLUDES = ("*.py",)
DEFAULT_EXCLUDES = (".*", ".py[cod]", ".sw.*", "~*")


def is_dir(path: "Path") -> bool:
    """Whether `path` is a directory that can be accessed."""
    try:
        return path.resolve().is_dir()
    except OSError:
        return False


def resolve_reload_patterns(
    patterns_list: Iterable[FilePath], directories_list: Iterable[FilePath]
) -> tuple[list[str], "list[Path]"]:
    """Separate patterns from directories.

    Args:
        patterns_list: glob patterns and paths. Directories that they match are added to the directories.
        directories_list: paths of directories. Those that do not exist are left out.

    Returns:
        The patterns without duplicates, and the resolved directories. A directory inside another one is left out.
    """
    from pathlib import Path

    patterns = list(dict.fromkeys(os.fspath(pattern) for pattern in patterns_list))
    candidates = [Path(directory) for directory in directories_list]
    for pattern in patterns:
        # The default pattern ".*" is for hidden files. It must not add hidden directories.
        if pattern != ".*":
            candidates += _matches(Path(pattern))
    directories = dict.fromkeys(candidate.resolve() for candidate in candidates if is_dir(candidate))
    return patterns, [path for path in directories if directories.keys().isdisjoint(path.parents)]


def _matches(pattern: "Path") -> "list[Path]":
    if is_dir(pattern):
        return [pattern]
    # pathlib's glob accepts relative patterns only.
    base = type(pattern)(pattern.anchor or ".")
    return list(base.glob(str(pattern.relative_to(pattern.anchor))))


def resolve_watched(
    directories: Sequence[FilePath] | None, includes: Sequence[FilePath] | None, excludes: Sequence[FilePath] | None
) -> "tuple[list[Path], list[Path], list[str], list[str]]":
    """Return what to watch and what to exclude.

    Returns:
        The directories to watch, the directories to exclude, the patterns to watch, and the patterns to exclude.
    """
    from pathlib import Path

    included_patterns, included = resolve_reload_patterns(includes or (), directories or ())
    excluded_patterns, excluded = resolve_reload_patterns(excludes or (), ())
    watched = [path for path in included if not any(other == path or other in path.parents for other in excluded)]
    if not watched:
        if directories:
            names = [os.fspath(directory) for directory in directories]
            logger.warning("None of the directories %s can be watched, watching the current one.", names)
        watched = [Path.cwd()]
    logger.info("Will watch for changes in these directories: %s", sorted(map(str, watched)))
    return watched, excluded, [p for p in included_patterns if p not in excluded_patterns], excluded_patterns
