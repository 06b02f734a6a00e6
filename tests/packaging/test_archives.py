"""The archives of a release: the source distribution, a wheel with speedups and the pure wheel."""

import platform
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import run
from tests.processes import ROOT, ServerProcess, exchange
from uvicorn import __version__

pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(600),
    # One group, so that one process builds each archive once.
    pytest.mark.xdist_group("packaging"),
    pytest.mark.skipif(sys.platform == "win32", reason="the folders of a virtual environment are named for POSIX"),
]
compiles = pytest.mark.skipif(platform.python_implementation() != "CPython", reason="speedups are for CPython")

# Files of the checkout that the archive does not need.
NOT_IN_SDIST = {".gitignore"}
COMPILED = {path.name.removesuffix("_c.pxd") for path in (ROOT / "uvicorn" / "_speedups").glob("*_c.pxd")}


def package_files(sources: tuple[Path, list[str]]) -> set[str]:
    """Return the sources that are installed."""
    return {name for name in sources[1] if name.startswith("uvicorn/") and name.endswith((".py", ".pyi", "/py.typed"))}


def members(wheel: Path) -> set[str]:
    """Return the files of a wheel, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_sdist_has_all_sources_and_no_generated_files(sdist: Path, sources: tuple[Path, list[str]]) -> None:
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {"PKG-INFO", "setup.cfg", *(name for name in names if name.startswith("uvicorn.egg-info/"))}
    assert names - made == set(sources[1]) - NOT_IN_SDIST
    assert not {name for name in names if name.endswith((".c", ".so", ".pyd", ".pyc", ".html"))}


@compiles
def test_the_wheel_has_the_package_and_every_speedup(wheel: Path, sources: tuple[Path, list[str]]) -> None:
    binaries = {name for name in members(wheel) if name.endswith(".so")}
    assert {Path(name).name.partition(".")[0] for name in binaries} == {f"{name}_c" for name in COMPILED}
    assert members(wheel) - binaries == package_files(sources)
    assert wheel.stat().st_size < 1_500_000


def test_the_pure_wheel_has_only_the_package(pure_wheel: Path, sources: tuple[Path, list[str]]) -> None:
    assert pure_wheel.name == f"uvicorn-{__version__}-py3-none-any.whl"
    assert members(pure_wheel) == package_files(sources)


@pytest.mark.parametrize("kind", [pytest.param("wheel", marks=compiles), "pure_wheel"])
def test_a_wheel_installs_and_serves(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    archive = request.getfixturevalue(kind)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    installed = run(python, "-m", "pip", "install", "--quiet", archive, cwd=tmp_path)
    assert installed.returncode == 0, installed.stdout
    checked = run(python, "-m", "pip", "check", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout

    build = "compiled" if kind == "wheel" else "pure"
    version = run(environment / "bin" / "uvicorn", "--version", cwd=tmp_path)
    assert version.returncode == 0
    assert f"Speedups: {build}" in version.stdout

    app = tmp_path / "hello.py"
    app.write_bytes((ROOT / "examples" / "hello.py").read_bytes())
    command = [str(environment / "bin" / "uvicorn"), "hello:app", "--port", "0"]
    with ServerProcess(command=command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}) as server:
        request_bytes = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        answer = exchange((server.host, server.port), request_bytes)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nHello, world!\n")
        assert server.stop() == 0
