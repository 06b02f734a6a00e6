"""Runs the framework tests over the newest and the oldest releases, each in its own environment: `make frameworks`.

    python -m tests.frameworks.matrix [--folder FOLDER] [NAME ...]

Every environment gets a wheel of this checkout, which satisfies the packages that require `uvicorn`. The tests run from
a copy without the package. `NAME` is a name in the table, or the beginning of several names.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-frameworks"
PATIENCE = 900.0
# The requirements of the tests: httpx and websockets are their clients, beside those of the frameworks.
TOOLS = ["httpx", "hypothesis", "pytest>=8.3", "pytest-timeout", "websockets", "wsproto"]


@dataclass(frozen=True)
class Environment:
    """A framework at one release.

    Attributes:
        requirements: the requirements to install. The first is the framework.
        tests: the files and options for pytest. At least one test has to pass.
    """

    requirements: tuple[str, ...]
    tests: tuple[str, ...]


CHANNELS_THREAD = "--deselect=tests/frameworks/test_websockets_channels.py::test_a_consumer_in_a_thread"
MCP_LEAVES = "--deselect=tests/frameworks/test_mcp.py::test_a_client_that_leaves_during_a_call[sse]"


def common(name: str) -> tuple[str, ...]:
    """Select the tests of the small application in this framework."""
    return ("test_common.py", "-k", name)


# The oldest releases are the oldest that can be installed beside the server on Python 3.13. Earlier releases need a
# module that the standard library no longer has (cgi, distutils), do not compile, or need websockets before 13.
MATRIX = {
    "starlette-newest": Environment(
        ("starlette", "python-multipart"),
        ("test_starlette.py", "test_proxy.py", "test_websockets_starlette.py", "test_common.py", "test_starts.py"),
    ),
    "starlette-oldest": Environment(("starlette==0.13.0",), common("starlette")),
    "fastapi-newest": Environment(
        ("fastapi[standard]",), ("test_fastapi.py", "test_websockets_fastapi.py", "test_common.py", "test_starts.py")
    ),
    "fastapi-oldest": Environment(("fastapi==0.55.0",), common("fastapi")),
    "django-newest": Environment(
        ("django", "channels"), ("test_websockets_channels.py", "test_common.py", "test_streams.py")
    ),
    # The deselected test closes with a reason, which consumers support only since Channels 4.1.
    "django-oldest": Environment(
        ("django==4.1", "channels==4.0.0"), ("test_common.py", "test_websockets_channels.py", CHANNELS_THREAD)
    ),
    "quart-newest": Environment(("quart",), common("quart")),
    "quart-oldest": Environment(("quart==0.17.0", "werkzeug<2.1"), common("quart")),
    "litestar-newest": Environment(("litestar[standard]",), ("test_common.py", "test_starts.py")),
    "litestar-oldest": Environment(("litestar[standard]==2.0.0",), ("test_common.py", "test_starts.py")),
    "blacksheep-newest": Environment(("blacksheep",), common("blacksheep")),
    "blacksheep-oldest": Environment(("blacksheep==2.0.8",), common("blacksheep")),
    "falcon-newest": Environment(("falcon",), common("falcon")),
    "falcon-oldest": Environment(("falcon==4.0.0",), common("falcon")),
    "sanic-newest": Environment(("sanic",), common("sanic")),
    # Releases before 23.12 pass WebSocket bytes to the application as text, and raise at the end of the lifespan.
    "sanic-oldest": Environment(("sanic==23.12.0",), common("sanic")),
    "flask-newest": Environment(("flask", "a2wsgi"), common("flask")),
    # a2wsgi before 1.5 truncates bodies with this Werkzeug.
    "flask-oldest": Environment(("flask==2.0.0", "werkzeug<2.1", "a2wsgi==1.5.0"), common("flask")),
    "sse-starlette-newest": Environment(("sse-starlette", "starlette"), ("test_sse.py", "test_streams.py")),
    "sse-starlette-oldest": Environment(("sse-starlette==1.0.0", "starlette"), ("test_sse.py",)),
    "socketio-newest": Environment(("python-socketio", "aiohttp"), ("test_websockets_socketio.py",)),
    # Earlier clients lack methods that the test uses. This client does not close its end when the server refuses it, so
    # the other tests are left out.
    "socketio-oldest": Environment(
        ("python-socketio==5.11.0", "aiohttp"), ("test_websockets_socketio.py", "-k", "conversation")
    ),
    "strawberry-newest": Environment(("strawberry-graphql[asgi]",), ("test_strawberry.py",)),
    "strawberry-oldest": Environment(
        ("strawberry-graphql[asgi]==0.250.0", "graphql-core<3.3", "packaging"), ("test_strawberry.py",)
    ),
    "connectrpc-newest": Environment(("connectrpc", "grpcio"), ("test_connect.py",)),
    "mcp-newest": Environment(("mcp",), ("test_mcp.py",)),
    "mcp-1": Environment(("mcp<2",), ("test_mcp.py",)),
    # Releases before 1.10 left client connections open, for which servers wait, and then served one session only.
    # 1.10 raises when the client of a call over server-sent events has disconnected, on uvicorn 0.54 too.
    "mcp-oldest": Environment(("mcp==1.10.0", "pydantic<2.11"), ("test_mcp.py", MCP_LEAVES)),
    "connexion": Environment(("connexion[uvicorn]",), common("connexion")),
    "ninja": Environment(("django-ninja",), common("ninja")),
    "a2a": Environment(("a2a-sdk[http-server]",), ("test_programs.py", "-k", "agent")),
    "fastmcp": Environment(("fastmcp",), ("test_programs.py", "-k", "tool")),
    "gradio": Environment(("gradio",), ("test_programs.py", "-k", "interface")),
    "nicegui": Environment(("nicegui",), ("test_programs.py", "-k", "page")),
    "gunicorn": Environment(("gunicorn", "uvicorn-worker", "fastapi"), ("test_starts.py", "-k", "gunicorn")),
    "ray": Environment(("ray[serve]",), ("test_ray.py",)),
    "marimo": Environment(("marimo",), ("test_starts.py", "-k", "marimo")),
    "chainlit": Environment(("chainlit",), ("test_starts.py", "-k", "chainlit")),
}


def run(*command: object, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. The output includes standard error."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UVICORN_", "PYTHON"))}
    # The first import of a package also compiles it. A large package then needs more than the usual time to start.
    environ.setdefault("TEST_PATIENCE", "4")
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )


def prepare(folder: Path) -> Path:
    """Build the wheel, and copy the tests and the applications that they serve. Returns the wheel."""
    folder.mkdir(exist_ok=True)
    for old in ("suite", "dist"):
        shutil.rmtree(folder / old, ignore_errors=True)
    answer = run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT)
    if answer.returncode:
        sys.exit(answer.stdout)
    for name in ("tests", "examples"):
        shutil.copytree(ROOT / name, folder / "suite" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder / "suite")
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@dataclass
class Outcome:
    """A row of the table."""

    name: str
    release: str = ""
    tests: str = ""
    problem: str = ""
    log: str = ""


def judge(name: str, environment: Environment, folder: Path, wheel: Path) -> Outcome:
    """Install the environment, check its requirements and run its tests."""
    outcome = Outcome(name)
    venv = folder / name
    python = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv)
    # pip gets the path of the wheel. A framework that does not accept its version is then a conflict, and pip does
    # not download another uvicorn.
    requirements = [f"uvicorn[standard] @ {wheel.as_uri()}", *environment.requirements, *TOOLS]
    answer = run(*uv, "pip", "install", "--quiet", "--python", python, *requirements)
    if answer.returncode:
        outcome.problem, outcome.log = "cannot be installed", answer.stdout
        return outcome
    listed = json.loads(run(*uv, "pip", "list", "--quiet", "--python", python, "--format", "json").stdout)
    versions = {package["name"]: package["version"] for package in listed}
    framework = re.split(r"[\[<=]", environment.requirements[0])[0]
    outcome.release = f"{framework} {versions[framework]}"
    check = run(*uv, "pip", "check", "--python", python)
    if check.returncode:
        outcome.problem, outcome.log = "pip check", check.stdout
        return outcome
    files = [f"tests/frameworks/{test}" if test.endswith(".py") else test for test in environment.tests]
    answer = run(python, "-m", "pytest", "-q", "-o", "timeout=480", *files, cwd=folder / "suite")
    outcome.tests = re.sub(r" in [^,]*$", "", answer.stdout.rstrip().rpartition("\n")[2])
    if answer.returncode or "passed" not in outcome.tests:
        outcome.problem, outcome.log = "tests", answer.stdout
    return outcome


def outcomes(names: list[str], folder: Path, keep: bool) -> Iterator[Outcome]:
    """Yield the rows of the chosen environments, one after the other."""
    wheel = prepare(folder)
    for name in names:
        yield judge(name, MATRIX[name], folder, wheel)
        if not keep:
            shutil.rmtree(folder / name, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.frameworks.matrix", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the environments are made")
    parser.add_argument("--keep", action="store_true", help="keep the environments")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MATRIX))
    arguments = parser.parse_args()
    names = [name for name in MATRIX if name.startswith(tuple(arguments.names) or "")]
    failed = not names
    for outcome in outcomes(names, arguments.folder.resolve(), arguments.keep):
        verdict = outcome.problem or "ok"
        print(f"{outcome.name:22} {outcome.release:30} {verdict:20} {outcome.tests}", flush=True)
        if outcome.problem:
            failed = True
            print(outcome.log, flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
