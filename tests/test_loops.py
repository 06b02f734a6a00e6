import asyncio
import importlib
import sys

import pytest

from uvicorn.config import LOOP_FACTORIES, Config
from uvicorn.loops.asyncio import asyncio_loop_factory
from uvicorn.loops.auto import auto_loop_factory


@pytest.fixture(params=[False, True], ids=["single", "child"])
def use_subprocess(request: pytest.FixtureRequest) -> bool:
    child: bool = request.param
    return child


def test_asyncio(use_subprocess: bool) -> None:
    loop = asyncio_loop_factory(use_subprocess)()
    try:
        assert isinstance(loop, asyncio.SelectorEventLoop)
    finally:
        loop.close()


def test_asyncio_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    class ProactorEventLoop(asyncio.SelectorEventLoop):
        """Stands for the loop that only Windows has."""

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(asyncio, "ProactorEventLoop", ProactorEventLoop, raising=False)
    factory: object = asyncio_loop_factory()
    assert factory is ProactorEventLoop
    assert asyncio_loop_factory(use_subprocess=True) is asyncio.SelectorEventLoop


def test_uvloop(use_subprocess: bool) -> None:
    uvloop = pytest.importorskip("uvloop")
    factory = importlib.import_module("uvicorn.loops.uvloop").uvloop_loop_factory(use_subprocess)
    loop = factory()
    try:
        assert isinstance(loop, uvloop.Loop)
    finally:
        loop.close()


def test_auto_picks_uvloop(use_subprocess: bool) -> None:
    uvloop = pytest.importorskip("uvloop")
    assert auto_loop_factory(use_subprocess) is uvloop.new_event_loop


def test_auto_without_uvloop(use_subprocess: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.delitem(sys.modules, "uvicorn.loops.uvloop", raising=False)
    assert auto_loop_factory(use_subprocess) is asyncio_loop_factory(use_subprocess)


@pytest.mark.parametrize("name", [name for name in LOOP_FACTORIES if name != "none"])
def test_a_loop_by_name(name: str) -> None:
    if name == "uvloop":
        pytest.importorskip("uvloop")
    factory = Config(None, loop=name).get_loop_factory()
    assert factory is not None
    loop = factory()
    try:
        assert loop.run_until_complete(asyncio.sleep(0, "slept")) == "slept"
    finally:
        loop.close()


def test_none_leaves_it_to_asyncio() -> None:
    assert Config(None, loop="none").get_loop_factory() is None


def custom_factory() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def test_a_factory_by_import_string() -> None:
    assert Config(None, loop="tests.test_loops:custom_factory").get_loop_factory() is custom_factory


def test_a_factory_as_an_object() -> None:
    assert Config(None, loop=custom_factory).get_loop_factory() is custom_factory


@pytest.mark.parametrize(
    ("loop", "reason"),
    [
        ("no_such_module:factory", 'Could not import module "no_such_module".'),
        ("tests.test_loops:missing", 'Attribute "missing" not found in module "tests.test_loops".'),
        ("uvloop", "import of uvloop halted; None in sys.modules"),
    ],
)
def test_a_factory_that_cannot_be_imported(
    loop: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.delitem(sys.modules, "uvicorn.loops.uvloop", raising=False)
    with pytest.raises(SystemExit) as exited:
        Config(None, loop=loop).get_loop_factory()
    assert exited.value.code == 3
    assert capsys.readouterr().err.startswith(f"ERROR:    Error loading --loop {loop}. {reason}")
