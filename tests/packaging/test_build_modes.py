"""UVICORN_BUILD_SPEEDUPS, with and without a compiler."""

import platform
import sys
import zipfile
from pathlib import Path

import pytest

import uvicorn
from tests.packaging.conftest import copy_sources, run

pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(300),
    pytest.mark.skipif(platform.python_implementation() != "CPython", reason="speedups are for CPython"),
    pytest.mark.skipif(sys.platform == "win32", reason="the failing compiler is a shell script"),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    pytest.importorskip("Cython")
    folder = tmp_path / "checkout"
    copy_sources(folder)
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho no compiler here >&2\nexit 1\n")
    compiler.chmod(0o755)
    return folder


def build(checkout: Path, mode: str | None, *, compiler: bool) -> tuple[int, str, list[str]]:
    """Build in place. Returns the exit code, the output, and the names of the compiled modules."""
    env = {} if mode is None else {"UVICORN_BUILD_SPEEDUPS": mode}
    if not compiler:
        env["CC"] = str(checkout.parent / "cc")
    answer = run(sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", cwd=checkout, env=env)
    binaries = sorted(path.name.partition(".")[0] for path in (checkout / "uvicorn" / "_speedups").glob("*.so"))
    return answer.returncode, answer.stdout, binaries


@pytest.mark.parametrize("mode", [None, "auto"])
def test_auto_without_a_compiler_leaves_the_pure_build_and_warns_once(checkout: Path, mode: str | None) -> None:
    code, output, binaries = build(checkout, mode, compiler=False)
    assert (code, binaries) == (0, [])
    (line,) = [line for line in output.splitlines() if line.startswith("uvicorn: ")]
    reason = f"{checkout.parent / 'cc'} failed with exit code 1"
    assert line == f"uvicorn: no speedups, the pure Python build is installed: {reason}"
    version = run(sys.executable, "-m", "uvicorn", "--version", cwd=checkout)
    assert f"Speedups: pure (the compilation failed: {reason}); auto: " in version.stdout
    assert "\nInstall a C compiler" in version.stdout


def test_auto_without_a_compiler_makes_a_pure_wheel_that_says_why(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("build")
    answer = run(
        *(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, checkout),
        cwd=tmp_path,
        env={"CC": str(tmp_path / "cc")},
    )
    assert answer.returncode == 0, answer.stdout
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert (
            archive.read("uvicorn/_speedups/not_compiled.txt")
            == f"{tmp_path / 'cc'} failed with exit code 1\n".encode()
        )
        assert b"\nRoot-Is-Purelib: true\n" in archive.read(f"uvicorn-{uvicorn.__version__}.dist-info/WHEEL")


def test_require_without_a_compiler_fails_with_the_reason(checkout: Path) -> None:
    code, output, binaries = build(checkout, "require", compiler=False)
    assert code != 0
    assert binaries == []
    reason = f"{checkout.parent / 'cc'} failed with exit code 1"
    assert f"uvicorn: the speedups could not be compiled: {reason}\n" in output


def test_no_compiles_nothing(checkout: Path) -> None:
    code, output, binaries = build(checkout, "no", compiler=True)
    assert (code, binaries) == (0, [])
    assert "uvicorn: " not in output


def test_an_error_names_the_accepted_values(checkout: Path) -> None:
    code, output, binaries = build(checkout, "maybe", compiler=True)
    assert code != 0
    assert binaries == []
    assert "UVICORN_BUILD_SPEEDUPS must be auto, no or require, not 'maybe'." in output


def test_a_failed_build_leaves_no_modules(checkout: Path) -> None:
    """The last module does not compile, so the build removes the modules before it too."""
    last = sorted((checkout / "uvicorn" / "_speedups").glob("*_c.pxd"))[-1]
    last.write_text("this is no declaration\n")
    code, output, binaries = build(checkout, "auto", compiler=True)
    assert (code, binaries) == (0, [])
    assert "uvicorn: no speedups, the pure Python build is installed: " in output


def test_a_build_that_succeeds_removes_the_reason_of_the_last_failure(checkout: Path) -> None:
    note = checkout / "uvicorn" / "_speedups" / "not_compiled.txt"
    note.write_text("an earlier failure\n")
    code, _, binaries = build(checkout, "auto", compiler=True)
    assert (code, len(binaries)) == (0, len(list(note.parent.glob("*_c.pxd"))))
    assert not note.exists()
    # Cython generates this for a module whose import does not enable the GIL.
    sources = list((checkout / "build" / "cython").rglob("*.c"))
    assert len(sources) == len(binaries)
    assert all(
        "#define __Pyx_FREETHREADING_COMPATIBLE Py_MOD_GIL_NOT_USED\n" in path.read_text(encoding="utf-8")
        for path in sources
    )
