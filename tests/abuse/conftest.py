"""The attacks take minutes, so pytest collects them only with `-m abuse`."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if "abuse" in str(config.getoption("markexpr")) else True
