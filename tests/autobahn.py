"""The Autobahn test suite's fuzzing client against the codecs.

python tests/autobahn.py [--codec builtin] [--cases 1.* --cases 7.*]

There are about 500 cases for each codec. They take 10 to 30 minutes on two cores, most of it for the compressed
messages of the groups 12 and 13. The suite needs Python 2.7: that of AUTOBAHN_PYTHON, of pyenv, or on PATH. It is
installed into .venv-autobahn, which also holds the HTML report. The exit code is 0 if every case is OK, NON-STRICT or
INFORMATIONAL.
"""

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tests.processes import serve  # noqa: E402  # the path is set above

HOME = ROOT / ".venv-autobahn"
WSTEST = HOME / "suite" / "bin" / "wstest"
REPORT = HOME / "report"
APP = "tests.protocols.websockets.live_app:app"
CODECS = ("builtin", "websockets", "wsproto")
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")


def find_python() -> str | None:
    """Find a Python 2.7. Returns None if none is installed."""
    chosen = os.environ.get("AUTOBAHN_PYTHON")
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(str(path) for path in versions.glob("2.7.*/bin/python"))
    return chosen or (installed[-1] if installed else shutil.which("python2.7"))


def install(python: str) -> None:
    """Install the suite in its own environment, with the last virtualenv that supports Python 2.7."""
    tool, environment = HOME / "virtualenv", HOME / "suite"
    subprocess.run([python, "-m", "pip", "install", "-q", "--target", tool, "virtualenv==20.4.7"], check=True)
    variables = {**os.environ, "PYTHONPATH": str(tool)}
    subprocess.run([python, "-m", "virtualenv", "-q", environment], check=True, env=variables)
    subprocess.run([environment / "bin" / "pip", "install", "-q", "autobahntestsuite==25.10.1"], check=True)


def run(codecs: list[str], cases: list[str]) -> None:
    """Serve an echo with each codec, and let the suite write its report."""
    with ExitStack() as stack:
        servers = []
        for codec in codecs:
            options = ("--ws", codec, "--lifespan", "off")
            server = stack.enter_context(serve(APP, *options))
            servers.append({"agent": codec, "url": f"ws://127.0.0.1:{server.port}/echo"})
        spec = {"outdir": str(REPORT), "servers": servers, "cases": cases, "exclude-cases": []}
        (HOME / "spec.json").write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
        with (HOME / "log").open("w") as log:
            command = [WSTEST, "-m", "fuzzingclient", "-s", HOME / "spec.json"]
            subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT, cwd=HOME)


def judge() -> bool:
    """Print the verdicts. Returns whether all are good."""
    good = True
    for agent, results in json.loads((REPORT / "index.json").read_text()).items():
        counts = collections.Counter(result["behavior"] for result in results.values())
        print(f"{agent}: {len(results)} cases:", ", ".join(f"{count} {name}" for name, count in counts.most_common()))
        for case, result in results.items():
            for part in ("behavior", "behaviorClose"):
                if result[part] not in GOOD:
                    good = False
                    print(f"  {case}: {part} {result[part]}, see {REPORT / result['reportfile']}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", action="append", choices=CODECS, help="all of them if not given")
    parser.add_argument("--cases", action="append", help="patterns such as 7.*; all if not given")
    options = parser.parse_args()
    if not WSTEST.exists():
        python = find_python()
        if python is None:
            sys.exit("The Autobahn test suite needs Python 2.7; none was found (see AUTOBAHN_PYTHON).")
        install(python)
    shutil.rmtree(REPORT, ignore_errors=True)
    run(options.codec or list(CODECS), options.cases or ["*"])
    sys.exit(0 if judge() else 1)


if __name__ == "__main__":
    main()
