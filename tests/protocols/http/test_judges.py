"""The libraries as judges: whether field lines follow the grammar."""

from typing import Any

import pytest

from tests.fuzz.parsing import JUDGES
from uvicorn._speedups.errors import RequestRejected
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.http1 import Http1


def _passes(judge: Any, lines: bytes) -> bool:
    try:
        judge(lines)
    except RequestRejected:
        return False
    return True


@pytest.mark.parametrize("library", JUDGES)
def test_accepts_good_lines_repeatedly(library: str) -> None:
    lines = [b"X-A: b\r\nProxy-Connection: close\r\n", b""] * 3
    assert [_passes(JUDGES[library], each) for each in lines] == [True] * 6


def test_a_new_judge_works_after_a_connection_close() -> None:
    pytest.importorskip("httptools")
    judge = import_from_string("uvicorn.protocols.http.httptools_impl:LlhttpJudge")()
    lines = [b"Proxy-Connection: close\r\n", b"X-A: b\r\n", b"X A: b\r\n"] * 3
    assert [_passes(judge, each) for each in lines] == [True, True, False] * 3


@pytest.mark.parametrize("library", JUDGES)
@pytest.mark.parametrize("line", [b"X A: b\r\n", b": b\r\n", b"X-A: \0\r\n", b"X-A\r\n"])
def test_refuses_bad_lines_and_stays_usable(library: str, line: bytes) -> None:
    with pytest.raises(RequestRejected) as caught:
        JUDGES[library](b"X: y\r\n" + line)
    assert caught.value.status == 400
    JUDGES[library](b"X: y\r\n")


def test_the_wire_class_has_no_exchange_class() -> None:
    with pytest.raises(NotImplementedError):
        Http1.get_cycle_class()
