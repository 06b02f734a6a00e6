"""WSGI applications: their environment, their responses, and clients that disconnect."""

import asyncio
import contextvars
import gc
import io
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.middleware.conversation import Conversation, http_scope
from tests.processes import run_async
from uvicorn.middleware import wsgi
from uvicorn.middleware.wsgi import _WSGIMiddleware, build_environ
from uvicorn.protocols.utils import ClientDisconnected

PATIENCE = 10.0
EMPTY: dict[str, Any] = {"type": "http.request", "body": b"", "more_body": False}
TEXT = [("Content-Type", "text/plain")]


@pytest.fixture
def serve() -> Iterator[Callable[[Any], _WSGIMiddleware]]:
    """Wraps an application. Its threads end with the test."""
    made: list[_WSGIMiddleware] = []

    def wrap(app: Any, workers: int = 10) -> _WSGIMiddleware:
        with pytest.warns(DeprecationWarning, match="a2wsgi"):
            middleware = _WSGIMiddleware(app, workers=workers)
        made.append(middleware)
        return middleware

    yield wrap
    for middleware in made:
        middleware.executor.shutdown(wait=True)


def call(middleware: Any, conversation: Conversation, **changes: Any) -> Conversation:
    run_async(middleware(http_scope(**changes), conversation.receive, conversation.send))
    return conversation


def request(middleware: Any, body: bytes = b"", **changes: Any) -> Conversation:
    return call(middleware, Conversation({"type": "http.request", "body": body, "more_body": False}), **changes)


class Parts:
    """An iterable of parts that knows whether it was closed."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self.closed += 1


# --- The choice ---------------------------------------------------------------------------------------------------


def test_a2wsgi_is_preferred_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Theirs:
        pass

    module = types.ModuleType("a2wsgi")
    module.WSGIMiddleware = Theirs  # type: ignore[attr-defined]  # made up here
    monkeypatch.setitem(sys.modules, "a2wsgi", module)
    assert wsgi._implementation() is Theirs
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    assert wsgi._implementation() is _WSGIMiddleware


def test_the_preferred_middleware_serves() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return [environ["REQUEST_METHOD"].encode()]

    pytest.importorskip("a2wsgi")
    middleware = wsgi.WSGIMiddleware(app, workers=2)
    try:
        assert not isinstance(middleware, _WSGIMiddleware)
        conversation = request(middleware)
        assert (conversation.status, conversation.body) == (200, b"GET")
    finally:
        middleware.executor.shutdown(wait=True)


# --- The environment ----------------------------------------------------------------------------------------------


def environ_of(**changes: Any) -> Any:
    scope: Any = http_scope(**changes)
    return build_environ(scope, {"type": "http.request", "body": b"", "more_body": False}, io.BytesIO())


def test_environ_of_a_plain_request() -> None:
    body = io.BytesIO()
    scope: Any = http_scope(method="POST", path="/p", query_string=b"q=\xff")
    environ = build_environ(scope, {"type": "http.request", "body": b"", "more_body": False}, body)
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/p",
        "QUERY_STRING": "q=\xff",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "54321",
        "HTTP_HOST": "example.org",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


@pytest.mark.parametrize(
    ("root_path", "path", "script_name", "path_info"),
    [
        ("", "/p", "", "/p"),
        ("/api", "/api/p", "/api", "/p"),
        ("/api", "/api", "/api", ""),
        ("/api/", "/api/p", "/api", "/p"),
        ("/api", "/apiary", "/api", "/apiary"),
        ("/api", "/p", "/api", "/p"),
        ("/文", "/文/ä", "/\xe6\x96\x87", "/\xc3\xa4"),
        ("", "/\udcff", "", "/\xff"),
        ("", "*", "", "*"),
    ],
)
def test_script_name_and_path_info(root_path: str, path: str, script_name: str, path_info: str) -> None:
    environ = environ_of(root_path=root_path, path=path)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)


@pytest.mark.parametrize(
    ("server", "scheme", "name", "port"),
    [
        (("10.0.0.1", 8000), "http", "10.0.0.1", "8000"),
        (("/run/server.sock", None), "http", "localhost", "80"),
        (("/run/server.sock", None), "https", "localhost", "443"),
        (None, "https", "localhost", "443"),
        (None, "gopher", "localhost", "80"),
    ],
)
def test_server_name_and_port_are_never_empty(server: Any, scheme: str, name: str, port: str) -> None:
    environ = environ_of(server=server, scheme=scheme)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


def test_a_client_of_a_unix_socket_has_no_address() -> None:
    environ = environ_of(client=None)
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ


def test_header_variables() -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"3"),
        (b"accept", b"a"),
        (b"accept", b"b"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-name", b"\xe4"),
        (b"x-forwarded-for", b"1.2.3.4"),
    ]
    dangerous = [(b"proxy", b"http://evil"), (b"x_forwarded_for", b"6.6.6.6"), (b"content_length", b"9")]
    environ = environ_of(headers=[*headers, *dangerous])
    assert {name: value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))} == {
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_ACCEPT": "a,b",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_NAME": "\xe4",
        "HTTP_X_FORWARDED_FOR": "1.2.3.4",
    }


# --- Responses ----------------------------------------------------------------------------------------------------


def test_the_validator_of_the_standard_library_finds_no_fault(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    @validator
    def app(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(3)
        start_response("200 OK", [*TEXT, ("X-Umlaut", "ü")])
        return [body, b"!"]

    conversation = request(serve(app), b"abc", method="POST", headers=[(b"content-length", b"3")])
    gc.collect()
    assert unraisable == []
    assert conversation.status == 200
    assert conversation.headers[b"x-umlaut"] == b"\xfc"
    assert conversation.body == b"abc!"


def test_a_list_is_sent_at_once_with_its_length(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("201 Created", TEXT)
        return [b"one", b"", b"two"]

    conversation = request(serve(app))
    assert conversation.sent == [
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [(b"content-type", b"text/plain"), (b"content-length", b"6")],
        },
        {"type": "http.response.body", "body": b"onetwo", "more_body": False},
    ]


@pytest.mark.parametrize(
    ("status", "headers", "method", "parts", "length"),
    [
        ("200 OK", [], "GET", [b"12"], b"2"),
        ("200 OK", [], "GET", [], b"0"),
        ("200 OK", [("Content-Length", "1")], "GET", [b"1"], b"1"),
        ("200 OK", [("Transfer-Encoding", "chunked")], "GET", [b"1"], None),
        ("204 No Content", [], "GET", [], None),
        ("304 Not Modified", [], "GET", [], None),
        ("103 Early Hints", [], "GET", [], None),
        ("200 OK", [], "HEAD", [], None),
        ("200 OK", [], "HEAD", [b"12"], b"2"),
    ],
)
def test_content_length(serve: Any, status: str, headers: Any, method: str, parts: Any, length: bytes | None) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, headers)
        return parts

    conversation = request(serve(app), method=method)
    assert conversation.headers.get(b"content-length") == length
    assert len(conversation.headers) == len(headers) + (length is not None and not headers)


def test_parts_of_an_iterator_are_sent_one_by_one_and_it_is_closed(serve: Any) -> None:
    parts = Parts([b"", b"one", b"", b"two"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return parts

    conversation = request(serve(app))
    assert [message.get("body") for message in conversation.sent] == [None, b"one", b"two", b""]
    assert conversation.body == b"onetwo"
    assert conversation.headers == {}
    assert parts.closed == 1


def test_a_generator_may_start_the_response_itself(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"late"

    assert request(serve(app)).body == b"late"


def test_the_write_callable(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        write(b"")
        write(b"one")
        write(b"two")
        return [b"three"]

    conversation = request(serve(app))
    assert [message.get("body") for message in conversation.sent] == [None, b"one", b"two", b"three"]
    assert conversation.body == b"onetwothree"


def test_an_error_replaces_a_head_that_is_not_sent(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("x-first", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return [b"sorry"]

    conversation = request(serve(app))
    assert (conversation.status, conversation.body) == (500, b"sorry")
    assert b"x-first" not in conversation.headers


def test_an_error_after_the_head_ends_the_response(serve: Any) -> None:
    parts = Parts([])

    def app(environ: Any, start_response: Any) -> Any:
        def generate() -> Iterator[bytes]:
            write = start_response("200 OK", [])
            write(b"part")
            try:
                raise ValueError("too late")
            except ValueError:
                start_response("500 Oops", [], sys.exc_info())
            yield b"never"

        parts._parts = generate()
        return parts

    conversation = Conversation(EMPTY)
    with pytest.raises(ValueError, match="too late"):
        call(serve(app), conversation)
    assert [message.get("body") for message in conversation.sent] == [None, b"part"]
    assert parts.closed == 1


def _twice(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def _never(environ: Any, start_response: Any) -> Any:
    return []


def _too_late(environ: Any, start_response: Any) -> Any:
    return iter([b"part"])


def _no_status(environ: Any, start_response: Any) -> Any:
    start_response("OK", [])
    return []


def _superscript(environ: Any, start_response: Any) -> Any:
    start_response("\xb200 OK", [])
    return []


def _raises(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    raise ZeroDivisionError("in the application")


@pytest.mark.parametrize(
    ("app", "kind", "complaint"),
    [
        (_twice, RuntimeError, "called a second time without exc_info"),
        (_never, RuntimeError, "start_response was not called"),
        (_too_late, RuntimeError, "start_response was not called"),
        (_no_status, ValueError, "'OK'"),
        (_superscript, ValueError, "00 OK'"),
        (_raises, ZeroDivisionError, "in the application"),
    ],
)
def test_errors_reach_the_server_before_the_response_starts(
    serve: Any, app: Any, kind: type[Exception], complaint: str
) -> None:
    conversation = Conversation(EMPTY)
    with pytest.raises(kind, match=complaint):
        call(serve(app), conversation)
    assert conversation.sent == []


async def test_context_variables_are_visible_in_the_thread(serve: Any) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [variable.get().encode(), b" ", threading.current_thread().name.encode()]

    middleware = serve(app)
    variable.set("set")
    conversation = Conversation(EMPTY)
    await middleware(http_scope(), conversation.receive, conversation.send)
    assert conversation.body.startswith(b"set wsgi")


async def test_threads_limit_the_concurrent_requests(serve: Any) -> None:
    lock = threading.Lock()
    running: set[int] = set()
    most = 0
    both = threading.Barrier(2)

    def app(environ: Any, start_response: Any) -> Any:
        nonlocal most
        with lock:
            running.add(threading.get_ident())
            most = max(most, len(running))
        both.wait(PATIENCE)
        with lock:
            running.discard(threading.get_ident())
        start_response("200 OK", [])
        return []

    middleware = serve(app, workers=2)
    conversations = [Conversation(EMPTY) for _ in range(6)]
    await asyncio.gather(*(middleware(http_scope(), each.receive, each.send) for each in conversations))
    assert [conversation.status for conversation in conversations] == [200] * 6
    assert most == 2


# --- Request bodies -----------------------------------------------------------------------------------------------


def _echo(read: Callable[[Any], Iterable[bytes]]) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return list(read(environ["wsgi.input"]))

    return app


BODY = b"line one\nline two\n" + b"x" * 200_000 + b"\nend"


@pytest.mark.parametrize("size", [1000, 65536, len(BODY)])
@pytest.mark.parametrize(
    "read",
    [
        lambda file: [file.read()],
        lambda file: iter(lambda: file.read(1000), b""),
        lambda file: iter(file.readline, b""),
        lambda file: file.readlines(),
        lambda file: file,
    ],
    ids=["read", "read(1000)", "readline", "readlines", "iter"],
)
def test_a_body_is_read_like_a_file(serve: Any, read: Any, size: int) -> None:
    pieces = [BODY[start : start + size] for start in range(0, len(BODY), size)]
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.insert(1, {"type": "http.request", "body": b"", "more_body": True})
    events[-1]["more_body"] = False
    assert call(serve(_echo(read)), Conversation(*events), method="POST").body == BODY


def test_a_body_ends_with_an_empty_event_too(serve: Any) -> None:
    events = [{"type": "http.request", "body": b"abc", "more_body": True}, EMPTY]
    app = _echo(lambda file: [file.read(), b"|", file.read(), file.read(1)])
    assert call(serve(app), Conversation(*events)).body == b"abc|"


async def test_a_body_is_not_received_before_it_is_read(serve: Any) -> None:
    reads, read_on = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        reads.set()
        assert read_on.wait(PATIENCE)
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    middleware = serve(app)
    part = {"type": "http.request", "body": b"x" * 1000, "more_body": True}
    conversation = Conversation(*[part] * 5, EMPTY)
    task = asyncio.ensure_future(middleware(http_scope(), conversation.receive, conversation.send))
    await asyncio.to_thread(reads.wait, PATIENCE)
    assert conversation.received == 1
    read_on.set()
    await task
    assert conversation.body == b"x" * 5000


async def test_body_and_response_can_be_streamed_in_turns(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        while part := environ["wsgi.input"].read1():
            yield part.upper()

    middleware = serve(app)
    conversation = Conversation({"type": "http.request", "body": b"a", "more_body": True})
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: Any) -> None:
        await conversation.send(message)
        answers.put_nowait(message.get("body"))

    task = asyncio.ensure_future(middleware(http_scope(), conversation.receive, send))
    assert await answers.get() is None
    assert await answers.get() == b"A"
    conversation.feed(b"b", True)
    assert await answers.get() == b"B"
    conversation.feed(b"c", False)
    await task
    assert conversation.body == b"ABC"


# --- Clients that leave, servers that stop ------------------------------------------------------------------------


def test_a_client_that_left_before_the_first_event_is_not_served(serve: Any) -> None:
    called: list[Any] = []
    conversation = Conversation({"type": "http.disconnect"})
    call(serve(lambda environ, start_response: called.append(environ)), conversation)
    assert (called, conversation.sent) == ([], [])


def _endless(closed: threading.Event) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])

        def generate() -> Iterator[bytes]:
            try:
                while True:
                    yield b"more"
            finally:
                closed.set()

        return generate()

    return app


@pytest.mark.parametrize(
    "first",
    [EMPTY, {"type": "http.request", "body": b"unread", "more_body": True}],
    ids=["body complete", "body unread"],
)
async def test_an_endless_response_ends_with_the_client(
    serve: Any, first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wsgi, "_GRACE", 0.01)
    closed = threading.Event()

    middleware = serve(_endless(closed))
    conversation = Conversation(first)
    enough = asyncio.Event()

    async def send(message: Any) -> None:
        await conversation.send(message)
        if len(conversation.sent) == 3:
            enough.set()

    task = asyncio.ensure_future(middleware(http_scope(), conversation.receive, send))
    await enough.wait()
    conversation.disconnect()
    await task
    assert conversation.status == 200
    assert closed.is_set()


async def test_a_client_that_only_closed_its_side_gets_its_response(serve: Any) -> None:
    gone = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        assert gone.wait(PATIENCE)
        start_response("200 OK", [])
        yield environ["wsgi.input"].read()
        yield b" back"

    middleware = serve(app)
    conversation = Conversation({"type": "http.request", "body": b"all", "more_body": False})
    task = asyncio.ensure_future(middleware(http_scope(), conversation.receive, conversation.send))
    conversation.disconnect()
    while conversation.received < 2:
        await asyncio.sleep(0)
    gone.set()
    await task
    assert conversation.body == b"all back"


async def test_a_body_completed_while_the_application_sends_is_kept_for_it(serve: Any) -> None:
    fed = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"first "
        assert fed.wait(PATIENCE)
        yield environ["wsgi.input"].read()

    middleware = serve(app)
    conversation = Conversation({"type": "http.request", "body": b"a", "more_body": True})
    task = asyncio.ensure_future(middleware(http_scope(), conversation.receive, conversation.send))
    conversation.feed(b"b", True)
    conversation.feed(b"c", False)
    fed.set()
    await task
    assert conversation.body == b"first abc"


@pytest.mark.parametrize("handled", [False, True])
@pytest.mark.parametrize("ahead", [False, True])
def test_an_incomplete_body_raises_only_in_the_application(serve: Any, handled: bool, ahead: bool) -> None:
    raised: list[OSError] = []

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("400 Bad Request", [])
        if ahead:
            write(b"well, ")
        for _ in range(2):
            try:
                environ["wsgi.input"].read()
            except OSError as exc:
                raised.append(exc)
                if not handled:
                    raise
        return [b"who reads this?"]

    conversation = Conversation({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"})
    call(serve(app), conversation)
    # A second read raises too: the body stays incomplete.
    assert [type(exc) for exc in raised] == [ClientDisconnected] * (2 if handled else 1)
    assert [message.get("body") for message in conversation.sent[1:]] == [b"well, "] * ahead + [
        b"who reads this?"
    ] * handled


def test_a_client_disconnected_error_of_the_application_reaches_the_server(serve: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise ClientDisconnected

    with pytest.raises(ClientDisconnected):
        request(serve(app))


@pytest.mark.parametrize("waits_for", ["read", "send"])
async def test_cancellation_frees_the_thread(serve: Any, waits_for: str) -> None:
    outcome: list[str] = []
    ended = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        try:
            if waits_for == "read":
                environ["wsgi.input"].read()
            else:
                write(b"part")
        except ClientDisconnected:
            outcome.append("freed")
            raise
        finally:
            ended.set()
        return []

    middleware = serve(app)
    conversation = Conversation({"type": "http.request", "body": b"a", "more_body": True})
    waiting = asyncio.Event()

    async def receive() -> Any:
        if conversation.received == 1:
            waiting.set()
        return await conversation.receive()

    async def send(message: Any) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(middleware(http_scope(), receive, send))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, PATIENCE)
    assert outcome == ["freed"]


# --- Other scopes -------------------------------------------------------------------------------------------------


def test_websockets_are_refused(serve: Any) -> None:
    conversation = Conversation({"type": "websocket.connect"})
    run_async(serve(None)({"type": "websocket"}, conversation.receive, conversation.send))
    assert conversation.sent == [{"type": "websocket.close"}]


def test_lifespan_is_answered(serve: Any) -> None:
    conversation = Conversation({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    run_async(serve(None)({"type": "lifespan"}, conversation.receive, conversation.send))
    assert conversation.sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
