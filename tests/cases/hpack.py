"""The shared vectors of HPACK: what encoders of others have made of field sections."""

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
    """The sections that one encoder has sent on a connection, in their order.

    Attributes:
        encoder: its name.
        blocks: (the block, its fields, the maximum size of the table from here on or None).
    """

    encoder: str
    blocks: list[tuple[bytes, Fields, int | None]]


@cache
def stories() -> tuple[Story, ...]:
    """All of them; none if they are not kept beside the repository."""
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
