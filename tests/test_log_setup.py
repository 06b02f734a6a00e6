import copy
import io
import json
import logging
import logging.config
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from uvicorn.config import LOGGING_CONFIG, Config
from uvicorn.config.kinds import OptionError
from uvicorn.logging import ColourizedFormatter, DefaultFormatter, apply_log_config

INI = """
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = ERROR
handlers =
[loggers_]
"""


@pytest.fixture(autouse=True)
def _root_restored() -> Any:
    """Restore the root logger, which pytest uses and `fileConfig` changes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def described(level: str) -> dict[str, Any]:
    return {"version": 1, "disable_existing_loggers": False, "loggers": {"uvicorn.described": {"level": level}}}


def level() -> int:
    return logging.getLogger("uvicorn.described").level


def test_a_dict() -> None:
    apply_log_config(described("DEBUG"))
    assert level() == logging.DEBUG


def test_json(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(described("ERROR")))
    Config(None, log_config=tmp_path / "log.json")
    assert level() == logging.ERROR


@pytest.mark.parametrize("extension", ["yaml", "yml"])
def test_yaml(extension: str, tmp_path: Path) -> None:
    (tmp_path / f"log.{extension}").write_text(yaml.safe_dump(described("CRITICAL")))
    Config(None, log_config=str(tmp_path / f"log.{extension}"))
    assert level() == logging.CRITICAL


def test_any_other_file_is_read_by_file_config(tmp_path: Path) -> None:
    (tmp_path / "log.ini").write_text(INI)
    earlier = logging.getLogger("uvicorn.earlier")
    apply_log_config(str(tmp_path / "log.ini"))
    assert logging.getLogger().level == logging.ERROR
    assert not earlier.disabled


def test_a_parser() -> None:
    parser = RawConfigParser()
    parser.read_string(INI)
    Config(None, log_config=parser)
    assert logging.getLogger().level == logging.ERROR


def test_an_open_file() -> None:
    Config(None, log_config=io.StringIO(INI))
    assert logging.getLogger().level == logging.ERROR


@pytest.mark.parametrize("name", ["missing.json", "missing.yaml", "missing.ini"])
def test_a_missing_file(name: str) -> None:
    with pytest.raises(FileNotFoundError, match=name.replace(".", r"\.")):
        Config(None, log_config=name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("log.json", "{", "column 2"),
        ("log.json", "[]", "is not a logging configuration: "),
        ("log.yaml", "a: [", "while parsing"),
        ("log.ini", "no section", "is not a logging configuration: "),
        ("log.json", '{"version": 1, "handlers": {"h": {"class": "no.such.Class"}}}', "handler 'h' (Cannot resolve"),
    ],
)
def test_a_malformed_file(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(OptionError) as caught:
        Config(None, log_config=path)
    assert str(caught.value).startswith(f"log_config {str(path)!r} is not a logging configuration: ")
    assert message in str(caught.value)


def test_an_error_in_a_dict_is_left_to_logging() -> None:
    with pytest.raises(ValueError) as caught:
        Config(None, log_config={"version": 2})
    assert not isinstance(caught.value, OptionError)


def test_yaml_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.yaml").write_text("")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match="log_config needs PyYAML to read YAML: pip install PyYAML"):
        Config(None, log_config=tmp_path / "log.yaml")


def use_colors(logger: str) -> bool:
    formatter = logging.getLogger(logger).handlers[0].formatter
    assert isinstance(formatter, ColourizedFormatter)
    return formatter.use_colors


@pytest.mark.parametrize("colors", [True, False])
def test_formatters_get_the_colour_option(colors: bool) -> None:
    before = copy.deepcopy(LOGGING_CONFIG)
    Config(None, use_colors=colors)
    assert use_colors("uvicorn") is colors
    assert use_colors("uvicorn.access") is colors
    assert before == LOGGING_CONFIG


class Foreign(logging.Formatter):
    """A formatter without the option for colours."""


class Derived(DefaultFormatter):
    """A formatter with the option for colours."""


@pytest.mark.parametrize("factory", [Foreign, "tests.test_log_setup.Foreign", lambda fmt: logging.Formatter(fmt)])
def test_formatters_without_the_colour_option_do_not_get_it(factory: Any) -> None:
    log_config = copy.deepcopy(LOGGING_CONFIG)
    log_config["formatters"]["default"] = {"()": factory, "fmt": "%(message)s"}
    del log_config["formatters"]["access"]
    del log_config["handlers"]["access"]
    del log_config["loggers"]["uvicorn.access"]
    Config(None, use_colors=True, log_config=log_config)
    assert not isinstance(logging.getLogger("uvicorn").handlers[0].formatter, ColourizedFormatter)


@pytest.mark.parametrize("factory", [Derived, "tests.test_log_setup.Derived"])
def test_derived_formatters_get_the_colour_option(factory: Any) -> None:
    log_config = copy.deepcopy(LOGGING_CONFIG)
    log_config["formatters"]["default"]["()"] = factory
    Config(None, use_colors=True, log_config=log_config)
    assert use_colors("uvicorn") is True


def test_colours_of_a_dict_without_formatters() -> None:
    Config(None, use_colors=True, log_config=described("DEBUG"))
    assert level() == logging.DEBUG


def test_a_changed_default_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOGGING_CONFIG["formatters"]["default"], "fmt", "changed %(message)s")
    Config(None)
    formatter = logging.getLogger("uvicorn").handlers[0].formatter
    assert formatter is not None
    assert formatter._fmt == "changed %(message)s"


def test_no_configuration_leaves_logging_alone() -> None:
    handlers = logging.getLogger("uvicorn").handlers[:]
    Config(None, log_config=None, log_level="trace")
    assert logging.getLogger("uvicorn").handlers == handlers
    assert logging.getLogger("uvicorn.error").level == 5
    assert logging.getLevelName(5) == "TRACE"


@pytest.mark.parametrize(("given", "number"), [("DEBUG", 10), ("trace", 5), (15, 15), (None, logging.INFO)])
def test_levels(given: Any, number: int) -> None:
    Config(None, log_level=given)
    assert logging.getLogger("uvicorn.error").level == number
    assert logging.getLogger("uvicorn.access").level == number
    if given is not None:
        assert logging.getLogger("uvicorn.asgi").level == number


def test_without_an_access_log() -> None:
    Config(None, access_log=False)
    access_logger = logging.getLogger("uvicorn.access")
    assert access_logger.handlers == []
    assert not access_logger.propagate
    assert not access_logger.hasHandlers()
