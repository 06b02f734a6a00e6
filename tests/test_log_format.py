"""Log lines of the server in the user's format."""

import json
import logging
import re
import signal
import sys
from typing import Any

import pytest

from tests.processes import serve
from uvicorn import logging as uvicorn_logging
from uvicorn.config import Config
from uvicorn.config.kinds import OptionError
from uvicorn.logging import JSONFormatter, LineFormatter, check_log_format

APP = "tests.supervisors.apps:app"


def record(message: str = "a %s", *args: Any, **options: Any) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, args, options.get("exc_info"))


def test_json() -> None:
    made = record("a %s", 'b"\n\x1b')
    made.created, made.msecs = 1_000_000_000.25, 250.0
    shown = JSONFormatter().format(made)
    assert shown.isascii()
    assert "\n" not in shown
    assert list(json.loads(shown).items()) == [
        ("time", "2001-09-09T01:46:40.250Z"),
        ("level", "WARNING"),
        ("logger", "uvicorn.error"),
        ("pid", made.process),
        ("worker", None),
        ("message", 'a b"\n\x1b'),
    ]


def test_json_with_a_traceback_and_a_stack() -> None:
    try:
        raise ValueError("as asked")
    except ValueError:
        made = record("a", exc_info=sys.exc_info())
    made.stack_info = "the stack"
    values = json.loads(JSONFormatter().format(made))
    assert values["exception"].startswith("Traceback (most recent call last):\n")
    assert values["exception"].endswith("ValueError: as asked")
    assert values["stack"] == "the stack"


def test_the_number_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    text = LineFormatter("%(worker)s %(levelprefix)s %(message)s", use_colors=False)
    assert text.format(record("a")) == "- WARNING:  a"
    monkeypatch.setattr(uvicorn_logging, "_worker", 3)
    assert text.format(record("a")) == "3 WARNING:  a"
    assert json.loads(JSONFormatter().format(record("a")))["worker"] == 3


def test_every_place_that_an_error_names_can_be_used() -> None:
    for name in uvicorn_logging._PLACES:
        check_log_format(f"%({name})s")


@pytest.mark.parametrize("text", ["%(nothing)s", "%(message)q", "%s", "%(message)d"])
def test_a_wrong_format(text: str) -> None:
    with pytest.raises(OptionError, match="The placeholders are %\\(asctime\\)s") as caught:
        Config(None, log_format=text)
    assert repr(text) in str(caught.value)


def test_an_unknown_name() -> None:
    with pytest.raises(OptionError, match="Did you mean 'json'"):
        Config(None, log_format="jso")


def test_without_handlers_there_is_a_warning(caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("uvicorn", "uvicorn.error"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    Config(None, log_config=None, log_format="json")
    assert "--log-format has no effect" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="the test sends signals to workers")
def test_workers_can_be_distinguished() -> None:
    with serve(APP, "--workers", "2", "--log-format", "%(worker)s|%(process)d|%(levelname)s|%(message)s") as server:
        server.wait_stderr("Application startup complete", count=2)
        first = dict(re.findall(r"(\d)\|(\d+)\|INFO\|Started server process", server.stderr))
        assert first.keys() == {"1", "2"}
        assert re.search(rf"-\|{server.pid}\|INFO\|Started parent process", server.stderr)
        server.send_signal(signal.SIGHUP)
        server.wait_stderr(r"-\|\d+\|INFO\|All child processes have been restarted\.")
        second = re.findall(r"(\d)\|(\d+)\|INFO\|Started server process", server.stderr)[2:]
        assert sorted(number for number, _ in second) == ["1", "2"]
        assert set(first.values()).isdisjoint(pid for _, pid in second)


def test_each_line_is_json() -> None:
    with serve(APP, "--log-format", "json") as server:
        server.stop(signal.SIGINT)
        lines = [json.loads(line) for line in server.stderr.splitlines()]
    assert lines[0]["message"] == f"Started server process [{server.pid}]"
    assert {line["level"] for line in lines} == {"INFO"}
