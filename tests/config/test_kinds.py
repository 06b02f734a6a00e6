import io
import os
import ssl
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest

from uvicorn.config import kinds
from uvicorn.config.kinds import (
    Callback,
    Choice,
    ChoiceOrImport,
    ExistingDirectory,
    ExistingFile,
    Flag,
    Header,
    Host,
    Integer,
    Kind,
    LogConfig,
    LogLevel,
    Loop,
    Password,
    Seconds,
    SSLCertReqs,
    SSLCiphers,
    SSLVersion,
    Text,
    TrustedHosts,
    Version,
)

HERE = str(Path(__file__))
DIRECTORY = str(Path(__file__).parent)


def a_callable() -> None:
    """Stands for a factory, a class or a callback."""


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Text(), "anything", "anything"),
        (Host(), "::1", "::1"),
        (Flag(), "TRUE", True),
        (Flag(), " 1 ", True),
        (Flag(), "on", True),
        (Flag(), "no", False),
        (Flag(), "0", False),
        (Integer(0, 9), "9", 9),
        (Integer(0), "0", 0),
        (Seconds(), "5", 5),
        (Seconds(), "0", 0),
        (Seconds(), "2.5", 2.5),
        (Seconds(zero_is_off=True), "2", 2),
        (Choice(["auto", "on"]), "ON", "on"),
        (Version(["2.3", "2.4"]), "2.4", "2.4"),
        (ChoiceOrImport(["auto"], "Class"), "Auto", "auto"),
        (ChoiceOrImport(["auto"], "Class"), "Package.module:Class", "Package.module:Class"),
        (LogLevel(["info", "trace"]), "Trace", "trace"),
        (kinds.Path(), "no/such/path", "no/such/path"),
        (ExistingFile(), HERE, HERE),
        (ExistingDirectory(), DIRECTORY, DIRECTORY),
        (ExistingDirectory(), "", ""),
        (LogConfig(), HERE, HERE),
        (Header(), "X-Name:value", ("X-Name", "value")),
        (Header(), "x: \ta:b ", ("x", "a:b")),
        (Header(), "x:", ("x", "")),
        (Header(), "x:\xe4\tb", ("x", "\xe4\tb")),
        (TrustedHosts(), "*", "*"),
        (TrustedHosts(), "127.0.0.1, ::1,10.0.0.0/8 ,fe80::/10,proxy,/run/x.sock", None),
        (SSLVersion(), "17", 17),
        (SSLCertReqs(), "2", 2),
        (SSLCiphers(), "ECDHE+AESGCM", "ECDHE+AESGCM"),
    ],
)
def test_text_that_is_accepted(kind: Kind, text: str, value: Any) -> None:
    expected = text if isinstance(kind, TrustedHosts) else value
    assert kind.parse(text) == expected
    assert type(kind.parse(text)) is type(expected)
    if not isinstance(kind, Header):
        assert kind.check(text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Flag(), "maybe"),
        (Flag(), ""),
        (Integer(0, 9), "10"),
        (Integer(0, 9), "-1"),
        (Integer(1), "0"),
        (Integer(1), "one"),
        (Integer(1), "1.5"),
        (Seconds(), "-1"),
        (Seconds(), "-0.1"),
        (Seconds(), "soon"),
        (Seconds(), "nan"),
        (Seconds(), "inf"),
        (Seconds(zero=False), "0"),
        (Seconds(zero=False), "0.0"),
        (Choice(["auto", "on"]), "off"),
        (Version(["2.3", "2.4"]), "2"),
        (ChoiceOrImport(["auto"], "Class"), "module"),
        (ChoiceOrImport(["auto"], "Class"), ":Class"),
        (ChoiceOrImport(["auto"], "Class"), "module:"),
        (LogLevel(["info"]), "20"),
        (ExistingFile(), DIRECTORY),
        (ExistingFile(), "no/such/file"),
        (ExistingDirectory(), HERE),
        (LogConfig(), "no/such/file"),
        (Header(), "no colon"),
        (Header(), ":value"),
        (Header(), "na me:value"),
        (Header(), "name:a\r\nb"),
        (Header(), "name:a\0"),
        (Header(), "name:\u20ac"),
        (TrustedHosts(), "10.0.0.1/8"),
        (TrustedHosts(), "127.0.0.1,10.0.0.0/33"),
        (TrustedHosts(), "::/x"),
        (SSLVersion(), "16"),
        (SSLVersion(), "99"),
        (SSLCertReqs(), "3"),
        (SSLCiphers(), "no-such-cipher"),
    ],
)
def test_text_that_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError):
        kind.parse(text)


def test_every_kind_of_python_value_that_is_accepted() -> None:
    file = io.StringIO()
    parser = RawConfigParser()
    dictionary = {"version": 1}
    for kind, value, expected in [
        (Host(), None, ""),
        (Flag(), True, True),
        (Flag(), 1, True),
        (Flag(), 0, False),
        (Flag(), None, False),
        (Integer(0, 9), 9, 9),
        (Seconds(), 0.5, 0.5),
        (Seconds(), 3, 3),
        (Seconds(zero_is_off=True), None, None),
        (Seconds(zero_is_off=True), 0, None),
        (Seconds(zero_is_off=True), "0", None),
        (Seconds(zero_is_off=True), 0.5, 0.5),
        (ChoiceOrImport(["auto"], "Class"), a_callable, a_callable),
        (Version(["2.3", "2.4"]), 2.4, "2.4"),
        (LogLevel(["info"]), 15, 15),
        (kinds.Path(), Path("a/b"), os.path.join("a", "b")),
        # The code that uses a file checks whether it exists.
        (ExistingFile(), "no/such/file", "no/such/file"),
        (ExistingDirectory(), Path("no"), "no"),
        (LogConfig(), dictionary, dictionary),
        (LogConfig(), parser, parser),
        (LogConfig(), file, file),
        (LogConfig(), Path("log.ini"), "log.ini"),
        (Header(), ("X-Name", " value"), ("X-Name", " value")),
        (Header(), ["X-Name", "value"], ("X-Name", "value")),
        (TrustedHosts(), ["127.0.0.1", "10.0.0.0/8"], ["127.0.0.1", "10.0.0.0/8"]),
        (TrustedHosts(), ("*",), ["*"]),
        (SSLVersion(), ssl.PROTOCOL_TLS_SERVER, 17),
        (SSLCertReqs(), ssl.CERT_REQUIRED, 2),
        (Callback("a callable"), a_callable, a_callable),
    ]:
        assert kind.check(value) == expected, kind


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        (Text(), 3, TypeError),
        (Host(), 3, TypeError),
        (Flag(), 1.5, TypeError),
        (Integer(0), True, TypeError),
        (Integer(0), 1.5, TypeError),
        (Integer(0), float("nan"), TypeError),
        (Integer(0), float("inf"), TypeError),
        (Password(), 3, TypeError),
        (Integer(0), None, TypeError),
        (Integer(0, 9), 10, ValueError),
        (Seconds(), True, TypeError),
        (Seconds(), None, TypeError),
        (Seconds(), float("nan"), ValueError),
        (Choice(["auto"]), None, TypeError),
        (ChoiceOrImport(["auto"], "Class"), 3, TypeError),
        (LogLevel(["info"]), True, TypeError),
        (kinds.Path(), b"bytes", TypeError),
        (kinds.Path(), 3, TypeError),
        (LogConfig(), 3, TypeError),
        (Header(), "X-Name:value", TypeError),
        (Header(), (b"x", b"y"), TypeError),
        (Header(), ("x", "y", "z"), ValueError),
        (Header(), ("x", "y\n"), ValueError),
        (TrustedHosts(), 3, TypeError),
        (TrustedHosts(), ["10.0.0.1/8"], ValueError),
        (SSLVersion(), 99, ValueError),
        (Callback("a callable"), "text", TypeError),
    ],
)
def test_python_values_that_are_refused(kind: Kind, value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        kind.check(value)


def test_kinds_of_python_values_refuse_text() -> None:
    with pytest.raises(NotImplementedError):
        Callback("a callable").parse("text")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Integer(1), "an integer, at least 1"),
        (Integer(1, 9), "an integer from 1 to 9"),
        (Integer(1, unit="bytes"), "a number of bytes, at least 1"),
        (Integer(0, unit="bytes", zero="no limit"), "a number of bytes, at least 0 (0: no limit)"),
        (Seconds(), "a number of seconds, at least 0"),
        (Seconds(zero=False), "a number of seconds, more than 0"),
        (Seconds(zero_is_off=True), "a number of seconds, at least 0 (0 turns it off)"),
        (Choice(["a", "b"], ["b"]), "one of a"),
        (ChoiceOrImport(["a", "b"], "Class"), "one of a, b or module:Class"),
        (ExistingFile(), "a file that exists"),
        (kinds.Path(), "a path"),
    ],
)
def test_each_kind_describes_what_it_accepts(kind: Kind, expected: str) -> None:
    assert kind.expected == expected


def test_a_loop_may_be_anything() -> None:
    kind = Loop(["auto", "none"], "factory")
    thing = object()
    assert kind.check(thing) is thing
    assert kind.check("AUTO") == "auto"
    assert kind.check("no such loop") == "no such loop"
    assert kind.check(None) == "none"


def test_an_error_suggests_what_to_use_instead() -> None:
    kind = ChoiceOrImport(["auto", "h11"], "Class", absent={"zttp": "zttp is not here"})
    assert kind.hint("ZTTP") == "zttp is not here"
    assert kind.hint("h12") == "Did you mean 'h11'?"
    assert kind.hint("qqq") == ""
    assert kind.hint(3) == ""
    assert Integer(0).hint(-1) == ""
    assert TrustedHosts().hint("127.0.0.1, 10.0.0.1/8") == "Did you mean 10.0.0.0/8?"
    assert TrustedHosts().hint("10.0.0.0/33") == ""


def test_hidden_choices_are_accepted() -> None:
    kind = ChoiceOrImport(["auto", "none"], "Class", ["none"])
    assert kind.parse("none") == "none"
    assert kind.metavar == "[auto|module:Class]"
