"""One wire case: what a client sends, and what RFC 9110 and RFC 9112 require of the answer."""

import base64
import dataclasses
import enum
import json
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT

SHARED = ROOT / ".." / "shared" / "cases"

# Shared cases in which the RFCs leave a choice, and the server's choice differs from the case.
_OTHER_POLICIES = {
    # The server follows RFC 9112 3.2.2: the application sees the authority of the target, and no other Host.
    "RL-072-absolute-other-host": "accept",
}


class Expect(enum.Enum):
    """What the RFCs require."""

    ACCEPT = "accept"
    REJECT_400 = "reject-400"
    REJECT_4XX = "reject-4xx"
    REJECT_OR_CLOSE = "reject-4xx-or-close"
    EITHER = "accept-or-reject"


@dataclasses.dataclass(frozen=True)
class Case:
    """A wire case.

    Attributes:
        id: the unique name.
        data: what the client sends.
        expect: what the RFCs require.
        policy: what this server does if the RFCs leave a choice; None if only the parsers have to agree.
        status: for a rejected case the allowed codes; for an accepted case the codes of which one must appear.
        close: whether the server closes the connection; None if both are correct.
        requests: how many complete requests the application receives; None if any number is correct.
        bodies: the bodies of these requests, in order.
        half_close: whether the client sends FIN after the data.
        no_interim: whether a 1xx response is forbidden.
        answers: all final status codes, in order; None if any are correct.
        rfc: the section that the case was written from.
        why: the rule, in words.
        sweep: whether this is one of many similar cases, which are only sent whole and byte by byte.
    """

    id: str
    data: bytes
    expect: Expect
    policy: Expect | None = None
    status: tuple[int, ...] | None = None
    close: bool | None = None
    requests: int | None = None
    bodies: tuple[bytes, ...] | None = None
    half_close: bool = False
    no_interim: bool = False
    answers: tuple[int, ...] | None = None
    rfc: str = ""
    why: str = ""
    sweep: bool = False

    @property
    def verdict(self) -> Expect | None:
        """What this server has to do: `ACCEPT`, one of the rejections, or None if any answer is correct."""
        return self.policy if self.expect is Expect.EITHER else self.expect

    @property
    def interim(self) -> bool:
        """Whether the conversation ends with a 1xx response: the client waits for it and then sends nothing more."""
        return self.status is not None and self.verdict is Expect.ACCEPT and all(code < 200 for code in self.status)


def shared_cases(name: str = "http1.jsonl") -> list[Case]:
    """The cases that are kept beside the repository; none if the directory is missing."""
    path = SHARED / name
    return list(_read(path)) if path.exists() else []


def _read(path: Path) -> Iterator[Case]:
    policies = {None: None, "accept": Expect.ACCEPT, "reject": Expect.REJECT_OR_CLOSE}
    with path.open() as lines:
        for line in lines:
            raw = json.loads(line)
            yield Case(
                id=raw["id"],
                data=base64.b64decode(raw["bytes_b64"]),
                expect=Expect(raw["expect"]),
                policy=policies[_OTHER_POLICIES.get(raw["id"], raw["policy"])],
                status=tuple(raw["status"]) if raw["status"] else None,
                close=raw["close"],
                requests=raw["requests_seen_by_app"],
                bodies=None if raw["bodies"] is None else tuple(body.encode("latin-1") for body in raw["bodies"]),
                half_close=bool(raw["half_close"]),
                no_interim=bool(raw.get("no_interim")),
                rfc=raw["rfc"],
                why=raw["why"],
            )


CANARY = b"GET /canary HTTP/1.1\r\nHost: a.example\r\n\r\n"


def head(start: bytes = b"GET / HTTP/1.1", *fields: bytes, host: bytes | None = b"a.example") -> bytes:
    """A request head: the start line, Host (unless it is None), the fields and the empty line."""
    lines = [start, *([] if host is None else [b"Host: " + host]), *fields]
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def accept(
    id: str,
    data: bytes,
    *,
    bodies: tuple[bytes, ...] = (b"",),
    close: bool | None = False,
    canary: bool = True,
    rfc: str = "",
    why: str = "",
    **options: object,
) -> Case:
    """A case that must be served. The canary after it must be served too, unless the connection closes."""
    if canary:
        data += CANARY
        bodies = bodies if close else (*bodies, b"")
    case = Case(id, data, Expect.ACCEPT, close=close, requests=len(bodies), bodies=bodies, rfc=rfc, why=why)
    return dataclasses.replace(case, **options)  # type: ignore[arg-type]  # the fields of Case, named by the caller


def reject(id: str, data: bytes, *status: int, rfc: str = "", why: str = "", **options: object) -> Case:
    """A case that must be refused with 400 or one of the given codes; the canary after it must not be served."""
    expect = Expect.REJECT_4XX if status else Expect.REJECT_400
    case = Case(id, data + CANARY, expect, status=status or None, close=True, requests=0, rfc=rfc, why=why)
    return dataclasses.replace(case, **options)  # type: ignore[arg-type]  # the fields of Case, named by the caller


def refuse(id: str, data: bytes, *status: int, **options: object) -> Case:
    """Like `reject`, but closing the connection without an answer is correct too."""
    return reject(id, data, *status, **{"expect": Expect.REJECT_OR_CLOSE, **options})  # type: ignore[arg-type]  # as above


def decline(id: str, data: bytes, *status: int, **options: object) -> Case:
    """Like `reject`, for a case in which the RFCs leave a choice and this server refuses."""
    choice = {"expect": Expect.EITHER, "policy": Expect.REJECT_OR_CLOSE}
    return reject(id, data, *status, **{**choice, **options})  # type: ignore[arg-type]  # as above


def agree(id: str, data: bytes, *, rfc: str = "", why: str = "", **options: object) -> Case:
    """A case in which either answer is correct if both parsers give the same answer."""
    case = Case(id, data + CANARY, Expect.EITHER, rfc=rfc, why=why)
    return dataclasses.replace(case, **options)  # type: ignore[arg-type]  # the fields of Case, named by the caller
