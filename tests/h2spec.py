"""The conformance tester h2spec, strict, against a server on both builds, in clear text and over TLS.

python tests/h2spec.py [--build pure] [--wire tls] [-- further arguments of h2spec]

About 150 cases run four times. The tester is the program that H2SPEC names, the h2spec on PATH, or build/h2spec, which
is built if its source is beside the checkout. The exit code is 0 if no case fails.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tests.processes import ServerProcess, serve  # noqa: E402  # the path is set above

BUILT = ROOT / "build" / "h2spec"
BUILD = ROOT / ".." / "shared" / "tools" / "h2spec" / "build.sh"
BUILDS = {"pure": "off", "compiled": "require"}
WIRES = ("clear", "tls")
SUMMARY = re.compile(r"^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed$", re.MULTILINE)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body to its end, then answer. An earlier answer may overtake the error that a case waits for."""
    more_body = True
    while more_body:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more_body = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Hello, world!"})


def find_tester() -> str | None:
    """Return the path of h2spec, or None if it does not exist and cannot be built."""
    found = os.environ.get("H2SPEC") or shutil.which("h2spec")
    if found is not None:
        return found
    if not (BUILT / "h2spec").exists() and BUILD.exists():
        subprocess.run(["bash", BUILD, BUILT], check=True)
    return str(BUILT / "h2spec") if (BUILT / "h2spec").exists() else None


def make_certificate(directory: Path) -> list[str]:
    """Make a certificate. Returns the server options for it."""
    import trustme

    certificate = trustme.CA().issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(directory / "cert.pem")
    return ["--ssl-certfile", str(directory / "cert.pem")]


def test(tester: str, server: ServerProcess, wire: str, arguments: list[str]) -> bool:
    """Run the cases, and print those that failed. Returns whether all passed."""
    command = [tester, "--strict", "-h", "127.0.0.1", "-p", str(server.port), *arguments]
    if wire == "tls":
        command += ["--tls", "--insecure"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    summary = SUMMARY.search(result.stdout)
    if summary is None:
        print(result.stdout, result.stderr)
        return False
    print(f"  {summary[0]}", flush=True)
    if int(summary[4]):
        print(result.stdout[result.stdout.find("Failures:") :])
    return int(summary[2]) > 0 and not int(summary[4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", action="append", choices=[*BUILDS], help="both unless given")
    parser.add_argument("--wire", action="append", choices=WIRES, help="both unless given")
    parser.add_argument("arguments", nargs="*", help="for h2spec: the cases, say http2/6.9")
    options = parser.parse_args()
    tester = find_tester()
    if tester is None:
        sys.exit("h2spec is neither on PATH nor at H2SPEC, and its source is not beside the checkout.")
    good = True
    with tempfile.TemporaryDirectory() as directory:
        certificate = make_certificate(Path(directory))
        for build in options.build or BUILDS:
            for wire in options.wire or WIRES:
                print(f"{build}, {wire}", flush=True)
                arguments = ["--http2", "--lifespan", "off", "--no-access-log", *(certificate if wire == "tls" else [])]
                with serve("tests.h2spec:app", *arguments, env={"UVICORN_SPEEDUPS": BUILDS[build]}) as server:
                    good = test(tester, server, wire, options.arguments) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
