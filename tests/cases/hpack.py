"""The shared HPACK vectors: field sections, encoded by other implementations."""

import dataclasses
import json
import tarfile
from collections.abc import Iterator
from functools import cache

from tests.cases.case import SHARED

PATH = SHARED / "hpack-test-case.tar.xz"

Fields = list[tuple[bytes, bytes]]


@dataclasses.dataclass(frozen=True)
class Story:
    """The field sections that one encoder has sent on a connection, in order.

    Attributes:
        encoder: the name of the encoder.
        blocks: (the block, its fields, the maximum size of the table from this block on or None).
    """

    encoder: str
    blocks: list[tuple[bytes, Fields, int | None]]


@cache
def stories() -> tuple[Story, ...]:
    """All stories; none if the shared vectors are missing."""
    return tuple(_read()) if PATH.exists() else ()


def _read() -> Iterator[Story]:
    with tarfile.open(PATH) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".json") else None
            if file is None:
                continue
            blocks = [
                (
                    bytes.fromhex(case["wire"]),
                    [(name.encode(), value.encode()) for field in case["headers"] for name, value in field.items()],
                    case.get("header_table_size"),
                )
                for case in json.load(file)["cases"]
            ]
            yield Story(member.name.split("/")[-2], blocks)
