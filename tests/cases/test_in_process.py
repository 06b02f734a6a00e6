"""Every wire case, on each parser and each build: whole, byte by byte, and split at every position."""

import functools

import pytest

from tests.cases import echo
from tests.cases.case import Case, shared_cases
from tests.cases.conversation import converse
from tests.cases.divisions import halves, singly
from tests.cases.outcome import Outcome, complaint
from tests.cases.own import CASES
from tests.known_differences import KNOWN_DIFFERENCES
from tests.processes import PATIENCE_FOR_MANY, run_async
from tests.protocols.http.classes import protocol_class
from uvicorn.config import Config

SHARED_CASES = shared_cases()


@functools.cache
def _config(parser: str) -> Config:
    config = Config(echo.app, http=parser, lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    return config


async def _whole(parser: str, build: str, case: Case) -> Outcome:
    return await converse(protocol_class(parser, build), _config(parser), case, [case.data], settled=True)


async def _all_ways(case: Case, parser: str, build: str) -> None:
    whole = await _whole(parser, build, case)
    assert complaint(case, whole) is None, whole
    talk = functools.partial(converse, protocol_class(parser, build), _config(parser), case)
    single = await talk(singly(case.data), settled=False)
    assert (complaint(case, single), single.gist) == (None, whole.gist), "byte by byte"
    for position, pieces in halves(case.data):
        split = await talk(pieces, settled=True)
        assert (complaint(case, split), split.gist) == (None, whole.gist), f"split at {position}"


def _expect_known(request: pytest.FixtureRequest, case: Case, parser: str) -> None:
    reason = KNOWN_DIFFERENCES.get((case.id, parser))
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.mark.skipif(not SHARED_CASES, reason="the shared cases are not beside this repository")
@pytest.mark.parametrize("case", SHARED_CASES, ids=lambda case: case.id)
def test_shared(case: Case, parser: str, build: str, request: pytest.FixtureRequest) -> None:
    _expect_known(request, case, parser)
    run_async(_all_ways(case, parser, build), timeout=PATIENCE_FOR_MANY)


@pytest.mark.parametrize("case", [case for case in CASES if not case.sweep], ids=lambda case: case.id)
def test_own(case: Case, parser: str, build: str, request: pytest.FixtureRequest) -> None:
    _expect_known(request, case, parser)
    run_async(_all_ways(case, parser, build), timeout=PATIENCE_FOR_MANY)


@pytest.mark.parametrize("family", sorted({case.id[:2] for case in CASES if case.sweep}))
def test_sweeps(family: str, parser: str, build: str) -> None:
    """Similar cases are only sent whole and byte by byte."""

    async def sweep() -> list[str]:
        wrong = []
        for case in CASES:
            if case.sweep and case.id.startswith(family) and (case.id, parser) not in KNOWN_DIFFERENCES:
                talk = functools.partial(converse, protocol_class(parser, build), _config(parser), case)
                for pieces, settled in (([case.data], True), (singly(case.data), False)):
                    outcome = await talk(pieces, settled=settled)
                    if complaint(case, outcome) is not None:
                        wrong.append(f"{case.id}: {complaint(case, outcome)}")
        return wrong

    wrong = run_async(sweep(), timeout=PATIENCE_FOR_MANY)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("family", sorted({case.id[:2] for case in SHARED_CASES + CASES}))
def test_parsers_agree(family: str, build: str) -> None:
    """Both parsers give the same answers, and pass the same requests to the application."""
    pytest.importorskip("httptools")
    known = {case_id for case_id, _ in KNOWN_DIFFERENCES}

    async def compare() -> list[str]:
        differing = []
        for case in SHARED_CASES + CASES:
            if case.id.startswith(family) and case.id not in known:
                h11, httptools = await _whole("h11", build, case), await _whole("httptools", build, case)
                if h11.gist != httptools.gist:
                    differing.append(f"{case.id}: h11 {h11.gist}, httptools {httptools.gist}")
        return differing

    differing = run_async(compare())
    assert not differing, "\n".join(differing)


def test_identifiers_are_unique() -> None:
    identifiers = [case.id for case in SHARED_CASES + CASES]
    assert len(set(identifiers)) == len(identifiers)


def test_known_differences_name_cases() -> None:
    """Every entry names an existing case. Shared cases are not checked if their directory is missing."""
    identifiers = {case.id for case in SHARED_CASES + CASES}
    assert {case_id for case_id, _ in KNOWN_DIFFERENCES} <= identifiers or not SHARED_CASES
