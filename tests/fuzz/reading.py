"""Read the wire with other libraries: h11's client and httptools' response parser must understand every byte."""

import dataclasses
from collections.abc import Sequence

import h11
import httptools

# RFC 9112 section 6.3: without a length, the body of these responses ends with the connection.
METHOD_OF_OTHERS = "GET"


@dataclasses.dataclass(frozen=True)
class Answer:
    """A final response as a client understands it; `whole` says whether the client saw the end of the response."""

    status: int
    body: bytes
    whole: bool


def read_with_h11(data: bytes, methods: Sequence[str], *, ended: bool) -> list[Answer]:
    """The final responses on the wire, read by h11's client. Raises h11.RemoteProtocolError for malformed bytes."""
    answers: list[Answer] = []
    for method in [*methods, METHOD_OF_OTHERS]:
        client = h11.Connection(h11.CLIENT)
        target = "a.example:80" if method == "CONNECT" else "/"
        client.send(h11.Request(method=method, target=target, headers=[("Host", "a.example")]))
        client.send(h11.EndOfMessage())
        answer, data = _read_one(client, data, ended)
        if answer is None:
            break
        answers.append(answer)
        if not data:
            break
    assert not data, f"bytes after the last response: {data[:80]!r}"
    return answers


def _read_one(client: h11.Connection, data: bytes, ended: bool) -> tuple[Answer | None, bytes]:
    if data:
        client.receive_data(data)
    status, body, fed = 0, b"", False
    while True:
        event = client.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, body, True), bytes(client.trailing_data[0])
        elif event is h11.PAUSED:
            # A 2xx response to CONNECT: the bytes after it are not HTTP.
            return Answer(status, body, True), bytes(client.trailing_data[0])
        elif event is h11.NEED_DATA:
            if ended and not fed and status and _ends_with_connection(client):
                client.receive_data(b"")
                fed = True
                continue
            return (Answer(status, body, False) if status else None), b""
        else:
            assert isinstance(event, h11.InformationalResponse), event


def _ends_with_connection(client: h11.Connection) -> bool:
    """Whether only the end of the connection ends the body that is being read."""
    return type(client._reader).__name__ == "Http10Reader"


class _Reader:
    """Receives httptools' callbacks for responses."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.body = b""
        self.complete = False
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.complete = False

    def on_headers_complete(self) -> None:
        self.statuses.append(self.parser.get_status_code())

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def read_one_with_httptools(data: bytes) -> tuple[list[int], bytes, bool]:
    """The status codes, the bodies and whether the last message is complete. Raises httptools' errors.

    httptools does not know the method of the request, so this function cannot read responses to HEAD.
    """
    reader = _Reader()
    reader.parser.feed_data(data)
    return reader.statuses, reader.body, reader.complete
