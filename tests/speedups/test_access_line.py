"""Lines of the default access format: the lines, and whether a part that is kept is still correct."""

from typing import Any

import pytest

from tests.fuzz.parsing import BUILDS
from tests.speedups.test_parity import outcome
from uvicorn import _speedups


@pytest.mark.parametrize("build", BUILDS)
def test_queries_in_access_lines(build: str) -> None:
    """Each byte alone and among other bytes, because an application may put any byte into its scope."""
    quote_query = _speedups.load(build).quote_query
    for byte in range(256):
        shown = chr(byte) if 0x20 < byte < 0x7F else f"%{byte:02X}"
        assert quote_query(b"a=%c" % byte) == "a=" + shown
        assert quote_query(b"\xff%c" % byte) == "%FF" + shown


def make_lines(scope: Any, status: Any) -> list[Any]:
    """The lines of each build, made anew and then with the parts that were kept."""

    def make_ending(status: int) -> str:
        return f" {status} end"

    formats = [_speedups.load(build).AccessLineFormat(["", ":", " ", " HTTP/"], make_ending) for build in BUILDS]
    return [outcome(one.format, scope, status) for one in formats * 2]


@pytest.mark.parametrize("client", [None, ("1.2.3.4", 5), ("::1", 0), ("\xe9", 1), ("\ud800", 1), ("a\n", 2)])
@pytest.mark.parametrize("status", [200, 599, 0, -1])
def test_lines(client: Any, status: int) -> None:
    for path in ("/", "/\xe9", "/\n", "/%41", "/\0", "/\x7f", "/\ud800", "/" + "a" * 1000, ""):
        for query, method in ((b"", "GET"), (b"a=b", "M\xe9THOD"), (b"\0 \x7f\xff", "GET")):
            scope = {"method": method, "path": path, "http_version": "1.1", "query_string": query}
            scope["client"] = client
            [line, *others] = make_lines(scope, status)
            assert others == [line] * (2 * len(BUILDS) - 1)


def test_text_of_a_subclass_of_str() -> None:
    class Path(str):
        __slots__ = ()

    scope = {"method": "GET", "path": Path("/a b"), "http_version": "1.1", "query_string": b"", "client": None}
    assert make_lines(scope, 200) == [":GET /a%20b HTTP/1.1 200 end"] * (2 * len(BUILDS))


@pytest.mark.parametrize("build", BUILDS)
def test_lines_of_many_clients(build: str) -> None:
    line = _speedups.load(build).AccessLineFormat(["", ":", " ", " HTTP/"], lambda status: "")
    scope = {"method": "GET", "path": "/", "http_version": "1.1", "query_string": b""}
    for port in [*range(3000), *range(3000)]:
        assert line.format({**scope, "client": ("a", port)}, 200) == f"a:{port}:GET / HTTP/1.1"
    if build == "pure":  # The attribute is private in the compiled build.
        assert len(line.beginnings) <= 1024


@pytest.mark.parametrize("scope", [{}, {"method": "GET", "path": 1}, None])
def test_an_incomplete_scope_is_refused(scope: Any) -> None:
    [failure, *others] = make_lines(scope, 200)
    assert isinstance(failure, tuple)
    assert others == [failure] * (2 * len(BUILDS) - 1)
