"""Access lines in the user's format: what each atom shows, when the line is written, and to which file."""

import base64
import json
import logging
import os
import re
import signal
import socket
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.access_logger import LOGGER
from tests.processes import PATIENCE, ROOT, exchange, serve
from tests.protocols.http.connection import Records
from tests.waiting import eventually
from uvicorn import _speedups, access_format, access_log
from uvicorn import logging as uvicorn_logging
from uvicorn.access_format import KNOWN, compile_format
from uvicorn.access_log import AccessLog
from uvicorn.config import Config
from uvicorn.config.kinds import OptionError
from uvicorn.server_state import ServerState

APP = "tests.access_format_app:app"
GET = b'GET %b HTTP/1.1\r\nhost: a\r\nuser-agent: "x\\\r\nx-request-id: 7\r\nconnection: close\r\n\r\n'


# The build under test, which `both_builds` sets.
speedups: Any = _speedups


def ended(request: dict[str, Any], **different: Any) -> Any:
    """Make the outcome of an exchange."""
    made = speedups.Outcome(False)
    made.observe([], request)
    made.status = 200
    made.sent = 12
    made.duration = 61.0023456
    made.headers = [(b"X-Cache", b"hit"), [bytearray(b"x-other"), memoryview(b"1")]]
    for name, value in different.items():
        setattr(made, name, value)
    return made


def scope(**different: Any) -> dict[str, Any]:
    headers = [
        (b"host", b"a"),
        (b"user-agent", b'Mozilla "x"'),
        (b"referer", b"http://b/"),
        (b"x-two", b"first"),
        (b"x-two", b"second"),
        (b"authorization", b"Basic " + base64.b64encode(b"me:secret")),
    ]
    return {
        "client": ("127.0.0.1", 5000),
        "method": "POST",
        "path": "/a b",
        "query_string": b"c=d",
        "http_version": "1.1",
        "headers": headers,
        **different,
    }


@pytest.fixture(params=["pure", "compiled"])
def both_builds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        loaded = _speedups.load(request.param)
    except ImportError:
        pytest.skip(f"there is no {request.param} build")
    monkeypatch.setattr(sys.modules[__name__], "speedups", loaded)
    for name in ("LineOfParts", "Part", "quote_text"):
        monkeypatch.setattr(access_format, name, getattr(loaded, name))


def line(text: str, known: Any = (), **different: Any) -> str:
    """Format one line: for an outcome with the values `known`, or for a response that starts."""
    made = compile_format(text)
    request = scope(**different)
    return made.format(ended(request, **dict(known)) if made.at_end else request, 200)


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%(h)s", "127.0.0.1"),
        ("%(l)s", "-"),
        ("%(u)s", "me"),
        ("%(r)s", "POST /a%20b?c=d HTTP/1.1"),
        ("%(m)s", "POST"),
        ("%(U)s", "/a%20b"),
        ("%(q)s", "c=d"),
        ("%(H)s", "HTTP/1.1"),
        ("%(s)s", "200"),
        ("%({x-two}i)s %({x-none}i)s", "first -"),
        ("%(B)s %(b)s", "12 12"),
        ("%(f)s", "http://b/"),
        ("%(a)s", r"Mozilla \"x\""),
        ("%(T)s %(M)s %(D)s %(L)s", "61 61002 61002345 61.002345"),
        ("%({Referer}i)s %({x-none}i)s", "http://b/ -"),
        ("%({x-cache}o)s %({X-Other}o)s %({x-none}o)s", "hit 1 -"),
        ("%({TEST_VARIABLE}e)s %({TEST_NONE}e)s", r"a\"b -"),
        ("100%% %% %(s)s%%", "100% % 200%"),
        ("no atom but %%", "no atom but %"),
    ],
)
def test_atoms(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_VARIABLE", 'a"b')
    monkeypatch.delenv("TEST_NONE", raising=False)
    assert line(text) == expected


@pytest.mark.usefixtures("both_builds")
def test_the_process_id() -> None:
    assert line("%(p)s") == f"<{os.getpid()}>"


@pytest.mark.usefixtures("both_builds")
def test_every_atom_is_known_by_its_name() -> None:
    for name in re.findall(r"%\((\w)\)s", KNOWN):
        assert line(f"<%({name})s>").startswith("<")
    assert len(re.findall(r"%\(", KNOWN)) == 22


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize(
    ("text", "different", "known", "expected"),
    [
        ("%(h)s", {"client": None}, {}, "-"),
        ("%(m)s %(r)s", {"method": "GET", "query_string": b""}, {}, "GET GET /a%20b HTTP/1.1"),
        ("%(u)s %(a)s", {"headers": []}, {}, "- -"),
        ("%(u)s", {"headers": [(b"authorization", b"Bearer x")]}, {}, "-"),
        ("%(u)s", {"headers": [(b"authorization", b"basic !!!a")]}, {}, "-"),
        ("%(u)s", {"headers": [(b"authorization", b"Basic OnNlY3JldA==")]}, {}, "-"),
        ("%(b)s %(B)s", {}, {"sent": 0}, "- 0"),
        ("%(b)s %(B)s", {}, {"sent": -1}, "- -"),
        ("%(L)s %(D)s", {}, {"duration": 0.0000009}, "0.000000 0"),
    ],
)
def test_missing_values_are_dashes(text: str, different: dict[str, Any], known: dict[str, int], expected: str) -> None:
    assert line(text, known, **different) == expected


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("status", [100, 200, 404, 999, 0, 7, 1000, -1])
def test_each_status(status: int) -> None:
    assert compile_format("%(s)s").format(scope(), status) == str(status)
    assert line("%(B)s %(s)s", {"status": status}) == f"12 {status}"


class Text(str):
    """A subclass of str: a type that is not exactly str."""

    __slots__ = ()


AGENT = (b"user-agent", b"one")
ADDRESS = ["10.0.0.1", 1]
# The requests follow each other. Each is followed by a request that is nearly equal.
REQUESTS: list[dict[str, Any]] = [
    {},
    {"headers": [AGENT]},
    {"headers": [AGENT]},
    {"headers": [(b"user-agent", b"onE")]},
    {"headers": [(b"user-agent", bytearray(b"onE"))]},
    {"headers": [(b"user-agent", memoryview(b"one"))]},
    {"headers": [(b"user-agent", b"")]},
    {"headers": []},
    {"headers": [(b"user-agent", b"two"), AGENT, (b"referer", b"here")]},
    {"headers": [AGENT, (b"user-agent", b"two")]},
    {"headers": ((b"user-agenT", b"1"), (b"x-agent-of", b"2"), [b"user-agent", b"three"])},
    {"headers": [(b"x", b"1"), (b"referer", b'"')]},
    {"headers": [(b"authorization", b"Basic b25lOng=")]},
    {"headers": [(b"authorization", b"Basic b25mOng=")]},
    {"headers": [(b"user-agent", b"\xe9" * 2000)]},
    {"headers": [(b"user-agent", b"\xe9" * 2000)]},
    {"headers": [(b"user-agent", b"\xe9" * 1999)]},
    {"client": ("10.0.0.1", 1)},
    {"client": ("10.0.0.2", 1)},
    {"client": ADDRESS},
    {"client": None},
    {"client": ()},
    {"method": "GET"},
    {"method": Text("GET")},
    {"method": Text('G"T')},
    {"http_version": "1.0"},
    {"http_version": "2"},
    {"path": Text("/é")},
    {"query_string": b""},
    {"query_string": b'"\\ \xff'},
]


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("text", ["%(h)s %(u)s %(r)s %(m)s %(q)s %(H)s %(s)s %(f)s %(a)s %({user-agent}i)s", "json"])
def test_a_line_depends_on_its_request_alone(text: str) -> None:
    """A format caches parts of the last line. They never appear in the line of another request."""
    made = compile_format(text)

    def shown(one: Any, different: dict[str, Any]) -> str:
        request = scope(**different)
        return re.sub('"time": "[^"]*"', "", one.format(ended(request) if one.at_end else request, 200))

    alone = [shown(compile_format(text), one) for one in REQUESTS]
    for before, expected_before in zip(REQUESTS, alone, strict=True):
        for after, expected in zip(REQUESTS, alone, strict=True):
            assert shown(made, before) == expected_before
            assert shown(made, after) == expected


@pytest.mark.usefixtures("both_builds")
def test_a_client_that_changes_in_place() -> None:
    made = compile_format("%(h)s")
    client = ["10.0.0.1", 1]
    assert made.format(scope(client=client), 200) == "10.0.0.1"
    client[0] = "10.0.0.2"
    assert made.format(scope(client=client), 200) == "10.0.0.2"


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("headers", [[(b"user-agent", b"two"), (b"referer",)], [(b"user-agent", 1 / 2)]])
def test_a_scope_that_cannot_be_shown(headers: Any) -> None:
    """An application may put wrong values into its scope. The next line does not contain them."""
    made = compile_format("%(a)s %(f)s %(h)s")
    for client, broken in ((("10.0.0.1", 1), headers), ((1, 1), [])):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            made.format(scope(client=client, headers=broken), 200)
        assert made.format(scope(headers=[]), 200) == "- - 127.0.0.1"
    client = (1, 1)
    for _ in range(2):
        with pytest.raises((TypeError, AttributeError)):
            made.format(scope(client=client, headers=[]), 200)


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("text", ["combined", "json"])
def test_long_values_are_not_kept(text: str) -> None:
    made = compile_format(text)
    size = 1 << 18
    made.format(ended(scope()), 0)
    tracemalloc.start()
    try:
        for number in range(19):
            value = b"%d" % number * size
            long = {
                "headers": [(b"user-agent", value), (b"referer", value), (b"x-request-id", value)] * (number % 2)
                + [(b"authorization", b"Basic " + base64.b64encode(b"me:" + value))],
                "method": "A" * size,
                "path": "/" * size,
                "query_string": value,
                "http_version": "1" * size,
                "client": ("1" * size, 1),
            }
            if number % 3 == 0:
                # A short line from a long value.
                long = {"headers": long["headers"][-1:]}
            assert (len(made.format(ended(scope(**long)), 0)) > size) == (number % 3 > 0)
            del value, long
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < size


@pytest.mark.usefixtures("both_builds")
def test_a_websocket_has_no_method() -> None:
    known = scope()
    del known["method"]
    assert compile_format("%(m)s %(r)s").format(known, 101) == "GET GET /a%20b?c=d HTTP/1.1"


@pytest.mark.usefixtures("both_builds")
def test_the_time_is_that_at_which_the_line_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    before = int(time.time())
    made = compile_format("%(t)s")
    shown = made.format(scope(), 200)
    assert made.format(scope(), 200) >= shown
    moment = time.mktime(time.strptime(shown[1:21], "%d/%b/%Y:%H:%M:%S"))
    assert before <= moment <= time.time()
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", shown)


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("text", ["%(L)s", "%(b)s", "%({a}o)s", "combined", "json"])
def test_lines_that_are_written_at_the_end(text: str) -> None:
    assert compile_format(text).at_end


@pytest.mark.usefixtures("both_builds")
@pytest.mark.parametrize("text", ["%(s)s %(h)s", "%({a}i)s %(t)s %({A}e)s", "%%"])
def test_lines_that_are_written_at_the_start(text: str) -> None:
    assert not compile_format(text).at_end


@pytest.mark.usefixtures("both_builds")
def test_json() -> None:
    shown = line("json", headers=[(b"user-agent", b'"\\\x01\xe9'), (b"x-request-id", b"7")])
    values = json.loads(shown)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", values.pop("time"))
    assert list(values.items()) == [
        ("client", "127.0.0.1"), ("method", "POST"), ("path", "/a%20b"), ("query", "c=d"), ("version", "HTTP/1.1"),
        ("status", 200), ("bytes", 12), ("duration", 61.002345), ("request_id", "7"),
        ("user_agent", '"\\\x01\xe9'), ("pid", os.getpid()),
    ]  # fmt: skip


@pytest.mark.usefixtures("both_builds")
def test_json_without_optional_values() -> None:
    values = json.loads(line("json", {"sent": -1}, headers=[], client=None, query_string=b""))
    missing = {name for name, value in values.items() if value is None}
    assert missing == {"client", "bytes", "request_id", "user_agent"}
    assert values["query"] == ""


_HOSTILE = st.binary(max_size=20) | st.binary().map(lambda data: b'"\\ \r\n' + data)


@pytest.mark.usefixtures("both_builds")
@settings(max_examples=200, deadline=None)
@given(value=_HOSTILE, query=_HOSTILE, path=st.text(max_size=20), method=st.text(max_size=5))
def test_no_client_breaks_a_line(value: bytes, query: bytes, path: str, method: str) -> None:
    headers = [
        (b"user-agent", value),
        (b"referer", value),
        (b"x-request-id", value),
        (b"authorization", b"Basic " + base64.b64encode(value.replace(b":", b""))),
    ]
    different = {"headers": headers, "query_string": query, "path": path, "method": method}
    combined = line("combined", **different)
    quoted = r'"(?:[^"\\]|\\.)*"'
    assert combined.isascii()
    assert combined.isprintable()
    assert re.fullmatch(rf"127\.0\.0\.1 - .* \[[^\]]+\] {quoted} 200 12 {quoted} {quoted}", combined)
    values = json.loads(line("json", **different))
    assert values["user_agent"] == values["request_id"] == value.decode("latin-1")


# --- Wrong formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%(z)s", "%(z)s is not an atom"),
        ("%(h)s %(h)d", "'%(h)d' is not an atom; %% is a percent sign"),
        ("%h", "'%h' is not an atom; %% is a percent sign"),
        ("%({x}z)s", "%({x}z)s is not an atom"),
        ("%({}i)s", "%({}i)s is not an atom"),
        ("%(h)s\n", r"'\n' is not printable ASCII"),
        ("%(h)s é", "' é' is not printable ASCII"),
    ],
)
def test_a_wrong_format_is_reported_with_the_atoms(text: str, reason: str) -> None:
    with pytest.raises(OptionError) as caught:
        Config(None, access_log_format=text)
    assert f"{reason}. The atoms are %(h)s, %(l)s" in str(caught.value)


def test_an_unknown_name() -> None:
    with pytest.raises(OptionError, match="Did you mean 'json'"):
        Config(None, access_log_format="jsn")


# --- Records ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(LOGGER, "propagate", False)
    LOGGER.setLevel(logging.INFO)
    yield LOGGER.handlers
    LOGGER.handlers[:] = []
    LOGGER.filters[:] = []


def test_the_line_is_the_message_and_filters_have_the_arguments(handlers: Any) -> None:
    handler = Records()
    handlers[:] = [handler]
    AccessLog("%(m)s %(s)s 100%% %({x-cache}o)s").write(LOGGER, ended(scope()))
    (record,) = handler.records
    assert record.getMessage() == "POST 200 100% hit"
    assert record.args == ("127.0.0.1:5000", "POST", "/a%20b?c=d", "1.1", 200)
    LOGGER.addFilter(lambda record: record.args[4] != 200)
    AccessLog("%(s)s").write(LOGGER, scope(), 200)
    assert len(handler.records) == 1


@pytest.mark.parametrize("kind", [logging.StreamHandler, logging.FileHandler])
def test_a_line_in_a_file_makes_no_record(
    kind: Any, tmp_path: Path, handlers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    with open(path, "w") as file:
        handler = kind(file if kind is logging.StreamHandler else path)
        handler.setFormatter(uvicorn_logging.AccessLineFormatter())
        handlers[:] = [handler]
        monkeypatch.setattr(AccessLog, "_write_record", None)
        AccessLog("%(m)s %(L)s").write(LOGGER, ended(scope()))
        assert path.read_text() == "POST 61.002345\n"
        handler.close()


def test_a_file_that_is_opened_later_gets_records(tmp_path: Path, handlers: Any) -> None:
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    handler.setFormatter(uvicorn_logging.AccessLineFormatter())
    handlers[:] = [handler]
    AccessLog("%(m)s").write(LOGGER, scope(), 200)
    assert (tmp_path / "log").read_text() == "POST\n"
    handler.close()


def test_the_users_own_formatter_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("uvicorn.access")
    own = logging.StreamHandler()
    own.setFormatter(logging.Formatter("own: %(message)s"))
    stock = logging.StreamHandler()
    stock.setFormatter(uvicorn_logging.AccessFormatter())
    monkeypatch.setattr(logger, "handlers", [own, stock])
    Config(None, log_config=None, access_log_format="combined")
    assert own.formatter is not None
    assert own.formatter._fmt == "own: %(message)s"
    assert type(stock.formatter) is uvicorn_logging.AccessLineFormatter


# --- With a server ----------------------------------------------------------------------------------------------------

LINES = "%(m)s %(U)s %(s)s %(B)s %(T)s %({x-test}o)s"


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_responses_as_they_end(http: str) -> None:
    pytest.importorskip(http)
    with serve(APP, "--http", http, "--access-log-format", LINES) as server:
        address = (server.host, server.port)
        for path in ("/early", "/file", "/parts", "/raises", "/breaks", "/nothing", "/view"):
            exchange(address, GET % path.encode())
        exchange(address, (GET % b"/parts").replace(b"GET", b"HEAD"))
        for expected in (
            "GET /early 200 6 0 yes",
            f"GET /file 200 {(ROOT / 'tests' / 'access_format_app.py').stat().st_size} 0 -",
            "GET /parts 200 6 0 yes",
            "GET /raises 500 21 0 -",
            "GET /breaks 200 3 0 yes",
            "GET /nothing 204 0 0 -",
            "GET /view 200 8 0 -",
            "HEAD /parts 200 0 0 yes",
        ):
            server.wait_stdout(f"(?m)^{re.escape(expected)}$")


def test_a_client_that_leaves() -> None:
    with serve(APP, "--access-log-format", "json") as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(GET % b"/waits")
            server.wait_stderr("waiting")
        shown = server.wait_stdout(r"(?m)^\{.*\}$")
        values = json.loads(shown[0])
        assert (values["status"], values["bytes"], values["request_id"]) == (499, 0, "7")
        assert values["user_agent"] == '"x\\'
        assert "Traceback" not in server.stderr


def test_a_line_at_the_start_does_not_wait_for_the_end() -> None:
    with serve(APP, "--access-log-format", "%(U)s %(s)s") as server:
        client = socket.create_connection((server.host, server.port))
        with client:
            client.sendall(GET % b"/stream")
            server.wait_stdout("(?m)^/stream 200$")


def test_http2() -> None:
    h2 = pytest.importorskip("httpx")
    pytest.importorskip("h2")
    with serve(APP, "--http2", "--access-log-format", LINES + " %(H)s") as server:
        with h2.Client(http1=False, http2=True, base_url=server.url) as client:
            assert client.get("/parts").text == "onetwo"
            assert client.get("/raises").status_code == 500
        server.wait_stdout("(?m)^GET /parts 200 6 0 yes HTTP/2$")
        server.wait_stdout("(?m)^GET /raises 500 21 0 - HTTP/2$")


def test_websockets() -> None:
    client = pytest.importorskip("websockets.sync.client")
    with serve(APP, "--access-log-format", "%(r)s %(s)s %(B)s %(T)s") as server:
        with client.connect(f"ws://{server.host}:{server.port}/ws", open_timeout=PATIENCE) as socket_:
            socket_.send("a")
            assert socket_.recv() == "a"
        server.wait_stdout(r"(?m)^GET /ws HTTP/1\.1 101 - 0$")
        with pytest.raises(Exception, match="403"), client.connect(f"ws://{server.host}:{server.port}/closed"):
            pass  # pragma: no cover - it is refused
        server.wait_stdout(r"(?m)^GET /closed HTTP/1\.1 403 - 0$")


def test_a_line_at_the_start_needs_no_observer() -> None:
    state = ServerState()
    access_log.set_up(state, "%(s)s")
    assert state.access_log is not None
    assert state.log_access == state.access_log.write
    assert not state.observers


def test_no_lines_without_an_access_log() -> None:
    with serve(APP, "--access-log-format", "json", "--no-access-log") as server:
        exchange((server.host, server.port), GET % b"/parts")
        server.stop()
        assert server.stdout == ""


# --- A file -----------------------------------------------------------------------------------------------------------


def wait_for_line(path: Path, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, f"{text} is not in {path}"
        time.sleep(0.01)


@pytest.mark.parametrize("arguments", [[], ["--access-log-format", "combined"]])
def test_lines_in_a_file(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with serve(APP, "--access-log-file", str(path), "--use-colors", "--no-use-colors", *arguments) as server:
        exchange((server.host, server.port), GET % b"/parts")
        wait_for_line(path, '"GET /parts HTTP/1.1" 200')
        server.stop()
        assert server.stdout == ""
    assert path.read_text().count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1 on Windows")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_renamed_file_is_opened_again(workers: int, tmp_path: Path) -> None:
    path, renamed = tmp_path / "access.log", tmp_path / "access.log.1"
    arguments = ("--access-log-file", str(path), "--workers", str(workers))
    with serve(APP, *arguments) as server:
        server.wait_stderr("Application startup complete", count=workers)
        # The workers may not listen yet.
        eventually(lambda: exchange((server.host, server.port), GET % b"/before"))
        wait_for_line(path, "/before")
        path.rename(renamed)
        os.kill(server.pid, signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE
        while not path.exists() or len(set(server.workers)) > sum(opened(pid, path) for pid in set(server.workers)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for _ in range(10):
            exchange((server.host, server.port), GET % b"/after")
        wait_for_line(path, "/after")
        assert server.stop(signal.SIGINT) == 0
    assert renamed.read_text().count("/before") == 1
    assert "/after" not in renamed.read_text()
    assert path.read_text().count("/after") == 10


def opened(pid: int, path: Path) -> bool:
    """Return whether a process has the file open, or True if the system does not report it."""
    folder = Path(f"/proc/{pid}/fd")
    if not folder.exists():
        return True
    return any(os.path.exists(link) and os.path.samefile(link, path) for link in folder.iterdir())


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with serve(APP, "--access-log-file", str(tmp_path / "none" / "log"), ready=False) as server:
        assert server.wait() == 3
        assert "No such file or directory" in server.stderr


def test_a_second_configuration_closes_the_first_file(tmp_path: Path) -> None:
    logger = logging.getLogger("uvicorn.access")
    Config(None, access_log_file=tmp_path / "one")
    first: Any = logger.handlers[0]
    Config(None, log_config=None, access_log_file=tmp_path / "two")
    assert first.stream is None
    assert [handler.baseFilename for handler in logger.handlers] == [str(tmp_path / "two")]  # type: ignore[attr-defined]
    logger.handlers[0].close()
    logger.handlers[:] = []


def test_a_removed_folder_is_reported_and_the_file_stays_open(tmp_path: Path, capfd: Any, caplog: Any) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    logger = logging.getLogger("tests.reopened")
    handler = logging.FileHandler(folder / "log")
    later = logging.FileHandler(tmp_path / "later", delay=True)
    logger.handlers[:] = [handler, later, logging.StreamHandler()]
    try:
        (folder / "log").unlink()
        folder.rmdir()
        uvicorn_logging.reopen_logs()
        assert f"The log file {folder / 'log'} cannot be reopened" in capfd.readouterr().err + caplog.text
        folder.mkdir()
        uvicorn_logging.reopen_logs()
        handler.emit(logging.makeLogRecord({"msg": "line"}))
        assert (folder / "log").read_text() == "line\n"
        assert not (tmp_path / "later").exists()
    finally:
        logger.handlers[:] = []
        handler.close()


def test_the_module_of_formats_is_not_imported_for_the_default() -> None:
    assert AccessLog()._record_line is None
    assert access_log._compile("json").at_end
