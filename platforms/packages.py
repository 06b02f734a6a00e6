"""The archives under test: the source distribution, the wheels that are built from it, and the tests."""

import base64
import email
import email.policy
import hashlib
import re
import shutil
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import tomllib

from platforms.command import run

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Packages:
    """Archives of this checkout.

    Attributes:
        sdist: the source distribution.
        pure: the wheel without speedups.
        source: the unpacked source distribution.
        translated: module name -> C source of the module.
    """

    sdist: Path
    pure: Path
    source: Path
    translated: dict[str, Path]

    def copy_suite(self, folder: Path) -> None:
        """Copy the tests, without the package."""
        # The copy has the same files as for the wheels of a release.
        settings = tomllib.loads((self.source / "pyproject.toml").read_text(encoding="utf-8"))
        for name in settings["tool"]["cibuildwheel"]["test-sources"]:
            item = self.source / name
            (shutil.copytree if item.is_dir() else shutil.copy2)(item, folder / name)


def build(folder: Path) -> Packages:
    """Build everything from this checkout into `folder`, which is emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    builder = [sys.executable, "-m", "build", "--outdir", folder]
    run(*builder, "--sdist", ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    run(*builder, "--wheel", ROOT, env={"UVICORN_BUILD_SPEEDUPS": "no"})
    (pure,) = folder.glob("*-none-any.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    run(sys.executable, "setup.py", "build_ext", cwd=source, env={"UVICORN_BUILD_SPEEDUPS": "require"})
    translated = {}
    for path in (source / "build" / "cython").rglob("*.c"):
        # Cython writes the name of the module at the top of the C source.
        found = re.search(r'"name": "([\w.]+)"', path.read_text(encoding="utf-8")[:4000])
        assert found is not None, path
        translated[found[1]] = path
    return Packages(sdist, pure, source, translated)


@dataclass(frozen=True)
class Target:
    """A system for which this machine compiles.

    Attributes:
        triple: zig's name of the system.
        suffix: the suffix of an extension module.
        tag: the platform tag of a wheel.
        options: more options of the C compiler.
    """

    triple: str
    suffix: str
    tag: str
    options: tuple[str, ...]


def cross_wheel(packages: Packages, target: Target) -> Path:
    """Compile the speedups for another system, and add them to the pure build in a wheel."""
    folder = packages.source.parent / target.triple
    folder.mkdir(exist_ok=True)
    modules = {}
    for name, source in packages.translated.items():
        modules[name.replace(".", "/") + target.suffix] = library = folder / f"{name}{target.suffix}"
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target.triple, "-shared", "-fPIC", "-O2"]
        run(*compiler, source, "-o", library, *target.options)
    wheel = folder / packages.pure.name.replace("py3-none-any", target.tag)
    record = []
    with zipfile.ZipFile(packages.pure) as pure, zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as made:

        def add(name: str, content: bytes) -> None:
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}\n")
            made.writestr(name, content)

        for name in pure.namelist():
            content = pure.read(name)
            if name.endswith(".dist-info/WHEEL"):
                add(name, _retagged(content, target.tag))
            elif name.endswith(".dist-info/RECORD"):
                record_name = name
            else:
                add(name, content)
        for name, path in modules.items():
            add(name, path.read_bytes())
        made.writestr(record_name, "".join(record) + f"{record_name},,\n")
    return wheel


def _retagged(content: bytes, tag: str) -> bytes:
    """Write a WHEEL file for another system (binary distribution format, PEP 427)."""
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    message.replace_header("Root-Is-Purelib", "false")
    message.replace_header("Tag", tag)
    return message.as_bytes()
