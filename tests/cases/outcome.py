"""The outcome of a wire case: the responses, the requests that the application saw, and the verdict on them."""

import dataclasses

from tests.cases.case import Case, Expect

# After a rejection, no application of the tests may receive a request for these targets.
FORBIDDEN_PATHS = ("/canary", "/evil")


@dataclasses.dataclass(frozen=True)
class Response:
    """One response on the wire, read as RFC 9112 section 6.3 requires."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    whole: bool = True

    @property
    def final(self) -> bool:
        return self.status == 101 or self.status >= 200


@dataclasses.dataclass
class Seen:
    """One request as the application saw it."""

    method: str
    path: str
    body: bytes = b""
    complete: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Everything that can be observed of one conversation.

    Attributes:
        responses: the responses in order, 1xx included.
        seen: the requests for which the application was called.
        ended: whether the server ended the connection.
    """

    responses: tuple[Response, ...]
    seen: tuple[Seen, ...]
    ended: bool

    @property
    def statuses(self) -> tuple[int, ...]:
        """The final status codes."""
        return tuple(response.status for response in self.responses if response.final)

    @property
    def complete(self) -> list[Seen]:
        return [request for request in self.seen if request.complete]

    @property
    def gist(self) -> tuple[object, ...]:
        """The part of the outcome that must not depend on how the bytes were split, nor on the parser."""
        return (
            self.statuses,
            tuple((request.method, request.path, request.body) for request in self.complete),
            self.ended,
        )


class MalformedResponse(ValueError):
    """The bytes are not a sequence of HTTP/1.1 responses."""


def parse_responses(data: bytes, methods: list[str], *, ended: bool) -> tuple[Response, ...]:
    """Read the responses on the wire strictly.

    Args:
        data: everything that the server sent.
        methods: the methods of the answered requests, in order; a response after the end of the list is not for HEAD.
        ended: whether the connection has ended, which ends a body without a length.
    """
    responses: list[Response] = []
    answered = 0
    while data:
        method = methods[answered] if answered < len(methods) else "GET"
        response, data = _parse_response(data, method, ended)
        responses.append(response)
        answered += response.final
        if response.status == 101:
            break
    return tuple(responses)


def _parse_response(data: bytes, method: str, ended: bool) -> tuple[Response, bytes]:
    block, found, rest = data.partition(b"\r\n\r\n")
    lines = block.split(b"\r\n")
    version, _, status_line = lines[0].partition(b" ")
    code, space, _ = status_line.partition(b" ")
    if not found or version != b"HTTP/1.1" or not space or len(code) != 3 or not code.isdigit():
        raise MalformedResponse(data[:120])
    headers = tuple((name, value) for name, _, value in (line.partition(b": ") for line in lines[1:]))
    status = int(code)
    fields = dict(headers)
    if method == "HEAD" or status < 200 or status in (204, 304):
        return Response(status, headers, b""), rest
    if fields.get(b"transfer-encoding") == b"chunked":
        body, whole, rest = _parse_chunked(rest)
    elif b"content-length" in fields:
        length = int(fields[b"content-length"])
        body, whole, rest = rest[:length], len(rest) >= length, rest[length:]
    else:
        body, whole, rest = rest, ended, b""
    return Response(status, headers, body, whole), rest


def _parse_chunked(data: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            return body, False, b""
        size = int(line, 16)
        if not size:
            return body, data.startswith(b"\r\n"), data[2:]
        body, end, data = body + data[:size], data[size : size + 2], data[size + 2 :]
        if end != b"\r\n":
            return body, False, b""


def complaint(case: Case, outcome: Outcome) -> str | None:
    """How the outcome breaks the rules of the case, or None."""
    if case.no_interim and any(not response.final for response in outcome.responses):
        return "an interim response was sent, but none is allowed"
    if any(not response.whole for response in outcome.responses) and not outcome.ended:
        return "a response was started, but neither completed nor cut off"
    if case.answers is not None and outcome.statuses != case.answers:
        return f"answered {outcome.statuses}, not {case.answers}"
    if case.verdict is None:
        return None
    return (_not_accepted if case.verdict is Expect.ACCEPT else _not_rejected)(case, outcome)


def _not_accepted(case: Case, outcome: Outcome) -> str | None:
    codes = [response.status for response in outcome.responses]
    if case.status is not None and case.expect is Expect.ACCEPT:
        return None if set(case.status) & set(codes) else f"none of {case.status} in {codes}"
    if case.half_close and case.requests == 0:
        return _incomplete(outcome)
    if outcome.statuses[:1] == (101,) and case.expect is Expect.EITHER:
        return None
    if not outcome.statuses or not 200 <= outcome.statuses[0] < 300:
        return f"answered {codes}, not 2xx"
    bodies = tuple(request.body for request in outcome.complete)
    if case.requests is not None and len(bodies) != case.requests:
        return f"{len(bodies)} complete requests arrived, not {case.requests}"
    if case.bodies is not None and bodies != case.bodies:
        return f"the bodies were {bodies}, not {case.bodies}"
    if case.close is not None and outcome.ended != case.close:
        return "the connection was not closed" if case.close else "the connection was closed"
    return None


def _incomplete(outcome: Outcome) -> str | None:
    """A request that the client's FIN cut off never counts as complete, and the server ends the connection."""
    if outcome.complete:
        return "an incomplete request was treated as complete"
    return None if outcome.ended else "the connection was not closed after the client's FIN"


def _not_rejected(case: Case, outcome: Outcome) -> str | None:
    if any(request.path.split("?")[0] in FORBIDDEN_PATHS for request in outcome.seen):
        return "the bytes after the rejected request were served"
    if case.half_close and case.requests == 0 and outcome.complete:
        return "an incomplete request was treated as complete"
    if outcome.complete:
        return "the rejected request reached the application"
    if not outcome.ended:
        return f"the connection was not closed; the server answered {outcome.statuses}"
    if not outcome.statuses:
        return None if case.verdict is Expect.REJECT_OR_CLOSE else "closed without an answer"
    allowed = case.status or ((400,) if case.expect is Expect.REJECT_400 else range(400, 500))
    if len(outcome.statuses) != 1 or outcome.statuses[0] not in allowed:
        return f"answered {outcome.statuses}, not one of {allowed}"
    return None
