"""The formatters: how a line looks with and without colours, and which characters reach a terminal."""

import io
import logging
import sys
from typing import Any, ClassVar

import pytest

from uvicorn.logging import TRACE_LOG_LEVEL, AccessFormatter, ColourizedFormatter, DefaultFormatter

DEFAULT = "%(levelprefix)s %(message)s"
ACCESS = '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'
ACCESS_TEMPLATE = '%s - "%s %s HTTP/%s" %d'
REQUEST = ("127.0.0.1:54321", "GET", "/p?q=1", "1.1", 200)


def record(msg: str, *args: object, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("uvicorn").makeRecord("uvicorn", level, "file.py", 1, msg, args, None, extra=extra)


def access_record(*args: object) -> logging.LogRecord:
    return record(ACCESS_TEMPLATE, *args)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.DEBUG, "DEBUG:    "),
        (logging.INFO, "INFO:     "),
        (logging.WARNING, "WARNING:  "),
        (logging.ERROR, "ERROR:    "),
        (logging.CRITICAL, "CRITICAL: "),
        (25, "Level 25: "),
        (1234567, "Level 1234567: "),
    ],
)
def test_levelprefix_is_padded_to_the_longest_standard_name(level: int, prefix: str) -> None:
    assert DefaultFormatter(DEFAULT, use_colors=False).format(record("said", level=level)) == prefix + "said"


@pytest.mark.parametrize(
    ("level", "code"),
    [
        (TRACE_LOG_LEVEL, 34),
        (logging.DEBUG, 36),
        (logging.INFO, 32),
        (logging.WARNING, 33),
        (logging.ERROR, 31),
        (logging.CRITICAL, 91),
    ],
)
def test_the_level_is_coloured_and_its_padding_is_not(level: int, code: int) -> None:
    name = logging.getLevelName(level)
    line = DefaultFormatter(DEFAULT, use_colors=True).format(record("said", level=level))
    assert line == f"\x1b[{code}m{name}\x1b[0m:" + " " * (8 - len(name)) + " said"


def test_a_level_without_a_colour_is_written_plainly() -> None:
    assert DefaultFormatter(DEFAULT, use_colors=True).format(record("said", level=25)) == "Level 25: said"


def test_color_message_is_used_with_colours_only() -> None:
    shown = record("Started [%d]", 7, color_message="Started [\x1b[36m%d\x1b[0m]")
    assert DefaultFormatter("%(message)s", use_colors=True).format(shown) == "Started [\x1b[36m7\x1b[0m]"
    assert DefaultFormatter("%(message)s", use_colors=False).format(shown) == "Started [7]"


def test_the_record_is_left_as_it_was_for_other_handlers() -> None:
    shown = access_record(*REQUEST)
    before = dict(shown.__dict__)
    AccessFormatter(ACCESS, use_colors=True).format(shown)
    after = dict(shown.__dict__)
    assert after.pop("message") == shown.getMessage()  # logging.Formatter.format sets this attribute itself
    assert after == before


def test_a_record_keeps_its_class() -> None:
    class Shouted(logging.LogRecord):
        def getMessage(self) -> str:
            return super().getMessage().upper()

    shown = Shouted("uvicorn", logging.INFO, "file.py", 1, "plain", (), None)
    shown.color_message = "coloured"
    assert DefaultFormatter("%(message)s", use_colors=True).format(shown) == "COLOURED"


@pytest.mark.parametrize(
    ("style", "fmt"), [("%", DEFAULT), ("{", "{levelprefix} {message}"), ("$", "$levelprefix $message")]
)
def test_every_style_of_format_knows_the_fields(style: Any, fmt: str) -> None:
    assert DefaultFormatter(fmt, style=style, use_colors=False).format(record("said")) == "INFO:     said"


def test_datefmt_is_honoured() -> None:
    shown = record("said")
    formatter = DefaultFormatter("%(asctime)s %(message)s", datefmt="%Y", use_colors=False)
    assert formatter.format(shown) == formatter.formatTime(shown, "%Y") + " said"


@pytest.mark.parametrize(
    ("formatter", "watched", "other"),
    [
        (DefaultFormatter, "stderr", "stdout"),
        (AccessFormatter, "stdout", "stderr"),
        (ColourizedFormatter, "stdout", "stderr"),
    ],
)
def test_colours_depend_on_the_terminal_and_the_option(
    formatter: type[ColourizedFormatter], watched: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, watched, _Terminal())
    monkeypatch.setattr(sys, other, io.StringIO())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert formatter().use_colors is True
    assert formatter(use_colors=False).use_colors is False
    monkeypatch.setenv("NO_COLOR", "1")
    assert formatter().use_colors is False
    assert formatter(use_colors=True).use_colors is True
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys, watched, io.StringIO())
    monkeypatch.setattr(sys, other, _Terminal())
    assert formatter().use_colors is False
    assert formatter(use_colors=True).use_colors is True


def test_a_closed_or_missing_stream_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    monkeypatch.setattr(sys, "stdout", None)
    assert DefaultFormatter().use_colors is False
    assert AccessFormatter().use_colors is False


def test_a_subclass_may_decide_on_colours_and_change_the_tables() -> None:
    class Loud(AccessFormatter):
        level_name_colors: ClassVar[Any] = {logging.INFO: "<{}>".format}
        status_code_colours: ClassVar[Any] = {2: "({})".format}

        def should_use_colors(self) -> bool:
            return True

    line = Loud(ACCESS).format(access_record(*REQUEST))
    assert line == '<INFO>:     127.0.0.1:54321 - "\x1b[1mGET /p?q=1 HTTP/1.1\x1b[0m" (200 OK)'


@pytest.mark.parametrize(
    ("status", "text"), [(200, "200 OK"), (404, "404 Not Found"), (503, "503 Service Unavailable"), (599, "599 ")]
)
def test_access_line(status: int, text: str) -> None:
    line = AccessFormatter(ACCESS, use_colors=False).format(access_record(*REQUEST[:4], status))
    assert line == f'INFO:     127.0.0.1:54321 - "GET /p?q=1 HTTP/1.1" {text}'


@pytest.mark.parametrize(("status", "code"), [(101, 97), (200, 32), (307, 33), (404, 31), (500, 91)])
def test_access_line_in_colours(status: int, code: int) -> None:
    formatter = AccessFormatter("%(request_line)s %(status_code)s", use_colors=True)
    line = formatter.format(access_record(*REQUEST[:4], status))
    text = AccessFormatter(use_colors=False).get_status_code(status)
    assert line == f"\x1b[1mGET /p?q=1 HTTP/1.1\x1b[0m \x1b[{code}m{text}\x1b[0m"


def test_an_unknown_class_of_status_has_no_colour() -> None:
    assert AccessFormatter(use_colors=True).get_status_code(999) == "999 "


def test_other_formatters_see_the_five_arguments() -> None:
    shown = access_record(*REQUEST)
    assert shown.args == REQUEST
    assert logging.Formatter("%(message)s").format(shown) == '127.0.0.1:54321 - "GET /p?q=1 HTTP/1.1" 200'


def test_an_access_record_changed_by_a_filter_is_still_written() -> None:
    formatter = AccessFormatter(ACCESS, use_colors=False)
    masked = access_record(*REQUEST)
    masked.args = ("-", *REQUEST[1:])
    assert formatter.format(masked) == 'INFO:     - - "GET /p?q=1 HTTP/1.1" 200 OK'
    worded = access_record(*REQUEST)
    worded.msg, worded.args = '%s - "%s %s HTTP/%s" %s', (*REQUEST[:4], "fine")
    assert formatter.format(worded) == 'INFO:     127.0.0.1:54321 - "GET /p?q=1 HTTP/1.1" fine'


@pytest.mark.parametrize(("msg", "args"), [("hello", ()), ("%s", ("hello",)), ("%(word)s", ({"word": "hello"},))])
def test_an_access_record_of_another_kind_shows_its_message(msg: str, args: tuple[Any, ...]) -> None:
    assert AccessFormatter(ACCESS, use_colors=False).format(record(msg, *args)) == 'INFO:     - - "hello" -'


def test_a_traceback_that_quotes_control_characters_shows_them_escaped() -> None:
    try:
        raise ValueError("\x1b[31m\x00\x7f\x9b\r\tä")
    except ValueError:
        shown = record("Exception in ASGI application", level=logging.ERROR)
        shown.exc_info = sys.exc_info()
    text = DefaultFormatter(DEFAULT, use_colors=False).format(shown)
    assert text.startswith("ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n")
    assert text.endswith("\nValueError: \\x1b[31m\\x00\\x7f\\x9b\\x0d\tä")
