"""Coverage-guided targets: atheris instruments the pure build and compares it with the compiled build.

python -m tests.fuzz.coverage_guided TARGET [libFuzzer options]

atheris reads corpus/TARGET first and writes new inputs to build/corpus/TARGET. Inputs worth keeping are copied to
corpus/TARGET by hand.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FINDS = HERE.parent.parent / "build" / "corpus"


def _requests(data: bytes) -> None:
    """The first bytes choose where the other bytes are split, and the limits."""
    from tests.fuzz.parsing import LIMITS, UNLIMITED, check_requests

    if len(data) > 4:
        check_requests(data[4:], data[1:4], LIMITS if data[0] & 1 else UNLIMITED)


def _chunks(data: bytes) -> None:
    from tests.fuzz.parsing import check_chunks

    if len(data) > 3:
        check_chunks(data[3:], data[:3])


def _responses(data: bytes) -> None:
    """One line for each field, then the status; the remaining bytes are a body in two parts."""
    from tests.fuzz.test_responses import check_conversation

    lines = data.split(b"\n")
    status = int.from_bytes(lines[0][:2], "big")
    fields = [tuple(line.split(b":", 1)) for line in lines[1:4]]
    parts = [{"type": "http.response.body", "body": line, "more_body": True} for line in lines[4:]]
    start = {"type": "http.response.start", "status": status, "headers": fields}
    check_conversation(
        "1.0" if lines[0][2:3] == b"0" else "1.1", "GET", True, [start, *parts, {"type": "http.response.body"}]
    )


def _hpack(data: bytes) -> None:
    """The first bytes choose where the other bytes are split into blocks, and the limits."""
    from tests.fuzz.hpack import LIMITS, SMALL, check_blocks, check_sections
    from tests.fuzz.parsing import UNLIMITED, cut

    if len(data) > 3:
        many = cut(data[3:], data[1:3])
        check_blocks(many, (5, 300) if data[0] & 1 else LIMITS)
        check_sections(many, bool(data[0] & 2), SMALL if data[0] & 1 else UNLIMITED)


def _websocket(data: bytes) -> None:
    from tests.fuzz.test_websocket import check_codecs

    if len(data) > 4:
        check_codecs(data[4:], data[1:4], bool(data[0] & 1))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "requests": _requests,
    "chunks": _chunks,
    "responses": _responses,
    "hpack": _hpack,
    "websocket": _websocket,
}


def main() -> None:
    import atheris

    name = sys.argv.pop(1)
    kept, finds = HERE / "corpus" / name, FINDS / name
    finds.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["uvicorn"]):
        import tests.fuzz.hpack
        import tests.fuzz.test_responses
        import tests.fuzz.test_websocket  # noqa: F401  # imported here to be instrumented

    target = TARGETS[name]

    def run(data: bytes) -> None:
        target(data)

    arguments: list[Any] = [
        sys.argv[0],
        str(finds),
        str(kept),
        f"-artifact_prefix={finds}/",
        "-max_len=400",
        *sys.argv[1:],
    ]
    atheris.Setup(arguments, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
