"""The methods that subclasses of the protocol classes override: when they are called, and what they can do."""

import functools
import importlib
import logging
from typing import Any, ClassVar

import pytest

from tests.cases.case import head
from tests.protocols.http.connection import GET, HELLO, Http1Connection, post, respond, send_all
from tests.protocols.http.test_upgrade import HANDSHAKE, Seamed
from uvicorn.protocols.exchange import RequestResponseCycle

OF_A_REQUEST = ("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete")
CHUNKED = head(b"POST /c HTTP/1.1", b"Transfer-Encoding: chunked") + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
BEGUN = ["on_message_begin", ("on_url", b"/"), ("on_header", b"Host", b"a.example"), "on_headers_complete"]


def traced(base: Any, calls: list[Any], *names: str) -> Any:
    """A subclass whose hooks record their calls and call super()."""

    def trace(name: str) -> Any:
        def hook(self: Any, *arguments: Any) -> None:
            calls.append((name, *arguments) if arguments else name)
            getattr(super(subclass, self), name)(*arguments)

        return hook

    subclass: Any = type("Traced", (base,), {name: trace(name) for name in names})
    return subclass


class Called:
    """An application that records its scopes and bodies, and answers."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive()).get("body"))
        await respond()(scope, receive, send)


async def serve(connection: Http1Connection) -> None:
    await connection.run_all()


@pytest.fixture
def app() -> Called:
    return Called()


def subclass(base: Any, **methods: Any) -> Any:
    return type("Subclass", (base,), methods)


async def test_order_of_the_calls(http_protocol_cls: Any) -> None:
    calls: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append("app")
        await respond()(scope, receive, send)

    connection = Http1Connection(traced(http_protocol_cls, calls, *OF_A_REQUEST, "on_response_complete"), app)
    assert (await connection.ask(GET)).body == HELLO
    assert calls == [*BEGUN, "on_message_complete", "app", "on_response_complete"]
    calls.clear()
    assert (await connection.ask(post(b"hello"))).body == HELLO
    length = ("on_header", b"Content-Length", b"5")
    assert calls == [
        *(*BEGUN[:-1], length, BEGUN[-1], ("on_body", b"hello")),
        *("on_message_complete", "app", "on_response_complete"),
    ]


async def test_calls_for_pieces(http_protocol_cls: Any) -> None:
    """The hooks for a head are called when the head is complete; the hook for the body is called for each piece."""
    calls: list[Any] = []
    connection = Http1Connection(traced(http_protocol_cls, calls, *OF_A_REQUEST), respond())
    stream = CHUNKED + GET
    for position in range(len(stream)):
        if position == len(CHUNKED):
            # The bytes after a request are read when the request is answered.
            await serve(connection)
        connection.feed(stream[position : position + 1])
        if position < CHUNKED.index(b"\r\n\r\n") + 3:
            assert calls == []
    bodies = [call[1] for call in calls if call[0] == "on_body"]
    names = [call if type(call) is str else call[0] for call in calls if call[0] != "on_body"]
    assert b"".join(bodies) == b"hello"
    first = ["on_message_begin", "on_url", "on_header", "on_header", "on_headers_complete", "on_message_complete"]
    assert names == [*first, *first[:2], *first[3:]]
    await serve(connection)
    assert connection.statuses == [200, 200]


@pytest.mark.parametrize("name", OF_A_REQUEST)
async def test_each_hook_alone(http_protocol_cls: Any, app: Called, name: str) -> None:
    calls: list[Any] = []
    connection = Http1Connection(traced(http_protocol_cls, calls, name), app).feed(post(b"hello", b"X: y") + GET)
    await serve(connection)
    assert connection.statuses == [200, 200]
    assert app.bodies == [b"hello", b""]
    assert app.scopes[0]["headers"] == [(b"host", b"a.example"), (b"content-length", b"5"), (b"x", b"y")]
    expected = {"on_header": 4, "on_body": 1}.get(name, 2)
    assert len(calls) == expected


class Proxy:
    """Wraps a function in the way tracing libraries do: it looks like the function."""

    def __init__(self, function: Any, calls: list[Any]) -> None:
        self._function, self._calls = function, calls

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._function == other)

    def __hash__(self) -> int:
        return hash(self._function)

    def __call__(self, instance: Any, *arguments: Any) -> Any:
        self._calls.append(arguments)
        return self._function(instance, *arguments)


@pytest.mark.parametrize("proxied", [False, True], ids=["wraps", "proxy"])
async def test_hook_assigned_to_the_class(
    http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    """The hook is assigned before the first connection of the server."""
    calls: list[Any] = []
    original = http_protocol_cls.on_url

    @functools.wraps(original)
    def on_url(self: Any, *arguments: Any) -> None:
        calls.append(arguments)
        original(self, *arguments)

    monkeypatch.setattr(http_protocol_cls, "on_url", Proxy(original, calls) if proxied else on_url, raising=False)
    connection = Http1Connection(http_protocol_cls, respond())
    assert (await connection.ask(GET)).status == 200
    assert calls == [(b"/",)]


async def test_hook_assigned_to_an_instance(http_protocol_cls: Any) -> None:
    calls: list[Any] = []

    class Assigning(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if calls is not None:
                self.on_url = calls.append
                self.on_response_complete = lambda: calls.append("complete")

    connection = Http1Connection(Assigning, respond())
    assert (await connection.ask(GET)).status == 200
    assert (await connection.ask(GET)).status == 200
    assert calls == [b"/", "complete"] * 2
    calls = None  # type: ignore[assignment]  # the next connection has no hook
    other = Http1Connection(Assigning, respond(), server_state=connection.state)
    assert (await other.ask(GET)).status == 200


def test_public_classes_refuse_assignment_to_an_instance(parser: str) -> None:
    """The classes have slots, so that an assigned hook raises an error and is not silently ignored."""
    module = importlib.import_module(f"uvicorn.protocols.http.{parser}_impl")
    base = module.H11Protocol if parser == "h11" else module.HttpToolsProtocol
    protocol = Http1Connection(base, respond()).protocol
    with pytest.raises(AttributeError):
        protocol.on_url = print


async def test_scope_can_be_changed(http_protocol_cls: Any, app: Called) -> None:
    class Adding(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope = {**self.scope, "replaced": True}

        def on_headers_complete(self) -> None:
            self.scope["before"] = dict(self.headers)[b"host"]
            super().on_headers_complete()
            self.scope["after"] = self.transport.get_extra_info("peername")

    connection = Http1Connection(Adding, app).feed(GET + GET)
    await serve(connection)
    for scope in app.scopes:
        assert (scope["replaced"], scope["before"], scope["after"]) == (True, b"a.example", ("127.0.0.1", 12345))
    assert len(app.scopes) == 2


async def test_headers_can_be_changed(http_protocol_cls: Any, app: Called) -> None:
    class Filter(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_header(self, name: bytes, value: bytes) -> None:
            if name != b"X-Internal":
                super().on_header(name, value.upper())

        def on_headers_complete(self) -> None:
            self.headers.append((b"x-added", b"1"))
            super().on_headers_complete()

    connection = Http1Connection(Filter, app)
    request = head(b"GET / HTTP/1.1", b"X-Internal: root", b"X-Other: b")
    for _ in range(3):
        # The field lines are the same bytes as before, so they are not split again.
        await connection.ask(request)
    expected = [(b"host", b"A.EXAMPLE"), (b"x-other", b"B"), (b"x-added", b"1")]
    assert [scope["headers"] for scope in app.scopes] == [expected] * 3


async def test_hooks_get_names_as_they_were_sent(http_protocol_cls: Any, app: Called) -> None:
    """uvicorn passes the names in this form too.

    The lines: one that is reused, one that is too long for reuse, and a Host field that was not sent.
    """
    calls: list[Any] = []
    connection = Http1Connection(traced(http_protocol_cls, calls, "on_header"), app)
    long = b"x" * 2000
    for line in (b"GET / HTTP/1.1", b"GET http://a.example/ HTTP/1.1"):
        await connection.run(head(line, b"X-Client-CERT: 1", b"X-Long: " + long))
    await connection.run(b"GET http://b/ HTTP/1.0\r\nX-Client-CERT: 1\r\nX-Short: 2\r\n\r\n")
    assert [call[1:] for call in calls] == [
        *((b"Host", b"a.example"), (b"X-Client-CERT", b"1"), (b"X-Long", long)) * 2,
        *((b"host", b"b"), (b"X-Client-CERT", b"1"), (b"X-Short", b"2")),
    ]
    assert [name for name, _ in app.scopes[0]["headers"]] == [b"host", b"x-client-cert", b"x-long"]


async def test_target_can_be_changed(http_protocol_cls: Any, app: Called) -> None:
    class Versioned(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_url(self, url: bytes) -> None:
            super().on_url(b"/v%202" + url)

    connection = Http1Connection(Versioned, app, root_path="/r\u00e9")
    await connection.ask(head(b"GET /a?b HTTP/1.1"))
    [scope] = app.scopes
    assert (scope["root_path"], scope["path"], scope["raw_path"], scope["query_string"]) == (
        *("/r\u00e9", "/r\u00e9/v 2/a", "/r\u00e9".encode() + b"/v%202/a", b"b"),
    )


async def test_the_query_can_be_changed(http_protocol_cls: Any, app: Called) -> None:
    class Asking(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_url(self, url: bytes) -> None:
            super().on_url(url.replace(b"b", b"c"))

    await Http1Connection(Asking, app).ask(head(b"GET /a?b HTTP/1.1"))
    assert [(scope["path"], scope["query_string"]) for scope in app.scopes] == [("/a", b"c")]


async def test_body_can_be_changed(http_protocol_cls: Any, app: Called) -> None:
    class Upper(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_body(self, body: bytes) -> None:
            super().on_body(body.upper())

    connection = Http1Connection(Upper, app).feed(CHUNKED + post(b"abc"))
    await serve(connection)
    assert app.bodies == [b"HELLO", b"ABC"]


# The ways in which a hook refuses a request.


def refuse(self: Any) -> None:
    self.send_400_response("No.")


def crash(self: Any) -> None:
    raise ZeroDivisionError


def close(self: Any) -> None:
    self.transport.close()


@pytest.mark.parametrize("full", [False, True], ids=["double", "half-closing"])
@pytest.mark.parametrize("way", [refuse, crash, close])
@pytest.mark.parametrize("late", [False, True], ids=["before super", "after super"])
@pytest.mark.parametrize("name", ["on_message_begin", "on_url", "on_header", "on_headers_complete"])
async def test_refused_by_a_hook(
    http_protocol_cls: Any, app: Called, name: str, late: bool, way: Any, full: bool
) -> None:
    """The application is not called. The requests before it are answered first."""

    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_response_complete(self) -> None:
            super().on_response_complete()

    def hook(self: Any, *arguments: Any) -> None:
        bad = self.scope["path"] == "/bad"
        if bad and not late:
            way(self)
        getattr(super(Refusing, self), name)(*arguments)
        if bad and late:
            way(self)

    setattr(Refusing, name, hook)
    bad = head(b"POST /bad HTTP/1.1", b"Content-Length: 5") + b"hello"
    for before in (b"", GET, GET * 2):
        app.scopes.clear()
        connection = Http1Connection(Refusing, app, full=full).feed(before + bad + GET)
        await serve(connection)
        connection.protocol.connection_lost(None)
        await serve(connection)
        assert "/bad" not in [scope["path"] for scope in app.scopes]
        answered = [200] * (len(before) // len(GET))
        if way is close:
            assert connection.statuses == answered
        else:
            assert connection.statuses == [*answered, 400]
            text = b"No." if way is refuse else b"Invalid HTTP request received."
            assert connection.responses()[-1].body == text
        assert connection.ended
        assert connection.state.connections == set()


async def test_the_body_that_a_hook_refused_does_not_reach_the_application(http_protocol_cls: Any) -> None:
    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_body(self, body: bytes) -> None:
            self.send_400_response("No.")
            super().on_body(body)

    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        events.append(await receive())

    connection = Http1Connection(Refusing, app).feed(head(b"POST / HTTP/1.1", b"Content-Length: 5")).feed(b"hello")
    await serve(connection)
    assert events == [{"type": "http.disconnect"}]
    assert connection.statuses == [400]


async def test_refused_without_a_body(http_protocol_cls: Any, app: Called) -> None:
    """For a request without a body, `on_message_complete` is called together with the hooks for its head."""

    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_message_complete(self) -> None:
            super().on_message_complete()
            self.send_400_response("No.")

    connection = Http1Connection(Refusing, app).feed(head(b"HEAD / HTTP/1.1"))
    await serve(connection)
    [response] = connection.responses("HEAD")
    assert (response.status, response.body, app.scopes) == (400, b"", [])


@pytest.mark.parametrize("started", [False, True])
async def test_body_limit(http_protocol_cls: Any, started: bool) -> None:
    class Limited(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        size = 0

        def on_body(self, body: bytes) -> None:
            self.size += len(body)
            if self.size > 4:
                self.send_400_response("Too much.")
            super().on_body(body)

    events = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (event := await receive()).get("more_body"):
            events.append(event)
        events.append(event)

    connection = Http1Connection(Limited, app)
    request = post(b"hello")
    connection.feed(request[:-2])
    task = connection.loop.start_one() if started else None
    connection.feed(request[-2:])
    await (task or connection.run())
    [response] = connection.responses()
    assert (response.status, response.body) == (400, b"Too much.")
    assert events[-1] == {"type": "http.disconnect"}
    assert connection.ended


async def test_answer_to_head_has_no_body(http_protocol_cls: Any) -> None:
    """The server itself refuses the request because of what a hook did."""
    for way in (crash, lambda self: None):
        connection = Http1Connection(subclass(http_protocol_cls, on_headers_complete=way), respond())
        connection.feed(head(b"HEAD / HTTP/1.1"))
        [response] = connection.responses("HEAD")
        assert (response.status, response.body) == (400, b"")
        assert connection.wire.endswith(b"\r\n\r\n")


async def test_hook_that_crashes_is_logged(http_protocol_cls: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Crashing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_url(self, url: bytes) -> None:
            self.send_400_response("No.")
            raise ZeroDivisionError

    connection = Http1Connection(Crashing, respond(), full=True).feed(GET)
    assert [response.body for response in connection.responses()] == [b"No."]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "Exception in Crashing.on_url\n"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_refuses_a_request_if_a_hook_does_not_call_super(
    http_protocol_cls: Any, app: Called, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn.error")
    connection = Http1Connection(subclass(http_protocol_cls, on_headers_complete=lambda self: None), app).feed(GET)
    assert connection.statuses == [400]
    assert app.scopes == []
    assert caplog.messages[-1].endswith("answered with 400: on_headers_complete has not called super()")


async def test_send_400_response_can_be_replaced(http_protocol_cls: Any, app: Called) -> None:
    """The method is also called for requests that the server refuses."""
    messages = []

    class Own(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def send_400_response(self, msg: str) -> None:
            messages.append(msg)
            if msg == "mine":
                self.transport.write(b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                self.transport.close()
            else:
                super().send_400_response("Sorry.")

        def on_url(self, url: bytes) -> None:
            if len(url) > 10:
                self.send_400_response("mine")
            super().on_url(url)

    connection = Http1Connection(Own, app).feed(GET + b"GET  / HTTP/1.1\r\n\r\n")
    assert messages == []
    await serve(connection)
    assert [response.body for response in connection.responses()] == [HELLO, b"Sorry."]
    connection = Http1Connection(Own, app)
    connection.feed(head(b"GET /" + b"a" * 10 + b" HTTP/1.1"))
    assert connection.statuses == [414]
    assert connection.transport.closed
    assert messages == ["Invalid HTTP request received.", "mine"]
    assert len(app.scopes) == 1


async def test_send_400_response_outside_of_a_hook(http_protocol_cls: Any) -> None:
    """If `connection_made` calls it, for example, the server drops what the client sends."""

    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.send_400_response("Not you.")

    connection = Http1Connection(Refusing, respond(), full=True).feed(GET)
    assert [(response.status, response.body) for response in connection.responses()] == [(400, b"Not you.")]


# The end of a response, and of a connection.


@pytest.mark.parametrize("calls_super", [True, False])
async def test_on_response_complete(http_protocol_cls: Any, calls_super: bool) -> None:
    calls: list[Any] = []

    class Counting(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_response_complete(self) -> None:
            calls.append((self.cycle.scope["path"], self.cycle.response_complete))
            if calls_super:
                super().on_response_complete()

    connection = await Http1Connection(Counting, respond()).run(head(b"GET /1 HTTP/1.1") + head(b"GET /2 HTTP/1.1"))
    assert calls == [("/1", True)]
    await connection.run()
    assert calls == [("/1", True), ("/2", True)]
    assert connection.protocol.timeout_keep_alive_task is not None
    connection.loop.run_later(with_delay=10)
    assert connection.transport.closed


async def test_on_response_complete_of_a_500(http_protocol_cls: Any) -> None:
    calls: list[Any] = []

    app = send_all(ZeroDivisionError)
    connection = Http1Connection(traced(http_protocol_cls, calls, "on_response_complete"), app)
    assert (await connection.ask(GET)).status == 500
    assert calls == ["on_response_complete"]


@pytest.mark.parametrize("unsent", [0, 1])
async def test_timeout_keep_alive_handler(http_protocol_cls: Any, unsent: int) -> None:
    calls: list[Any] = []
    connection = Http1Connection(traced(http_protocol_cls, calls, "timeout_keep_alive_handler"), respond(), full=True)
    connection.transport.unsent = unsent
    await connection.ask(GET)
    connection.loop.run_later(with_delay=5)
    assert calls == ["timeout_keep_alive_handler"]
    assert connection.transport.closed is not bool(unsent)


# Upgrades.


@pytest.fixture(autouse=True)
def _forget() -> None:
    Seamed.made = []


async def test_handle_websocket_upgrade(http_protocol_cls: Any, parser: str) -> None:
    events: list[Any] = []

    class Upgrading(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_url(self, url: bytes) -> None:
            super().on_url(b"/changed")

        def handle_websocket_upgrade(self, *event: Any) -> None:
            assert self.scope["path"] == "/changed"
            events.append(event)
            super().handle_websocket_upgrade(*event)

    connection = Http1Connection(Upgrading, respond(), ws=Seamed).feed(GET + HANDSHAKE + b"frames")
    assert events == []
    await serve(connection)
    [arguments] = events
    [taker] = Seamed.made
    assert isinstance(taker, Seamed)
    assert (taker.head.target, taker.head.path, taker.trailing) == (b"/changed", "/changed", b"frames")
    if parser == "h11":
        [event] = arguments
        assert (event.method, event.target, event.http_version) == (b"GET", b"/changed", b"1.1")
        assert (b"upgrade", b"WebSocket") in list(event.headers)
    else:
        assert arguments == ()


@pytest.mark.parametrize("way", [refuse, close, lambda self: None], ids=["refuse", "close", "nothing"])
@pytest.mark.parametrize("late", [False, True])
async def test_upgrade_refused(http_protocol_cls: Any, way: Any, late: bool) -> None:
    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def handle_websocket_upgrade(self, *event: Any) -> None:
            way(self)
            if late:
                super().handle_websocket_upgrade(*event)

    connection = Http1Connection(Refusing, respond(), ws=Seamed).feed(HANDSHAKE)
    if late and way not in (refuse, close):
        assert len(Seamed.made) == 1
        return
    assert Seamed.made == []
    assert connection.transport.closed
    assert connection.statuses == ([] if way is close else [400])


async def test_upgrade_with_another_hook(http_protocol_cls: Any) -> None:
    Seamed.made = []
    calls: list[Any] = []
    Http1Connection(traced(http_protocol_cls, calls, "on_url"), respond(), ws=Seamed).feed(HANDSHAKE)
    assert calls == [("on_url", b"/ws?q")]
    assert len(Seamed.made) == 1


@pytest.mark.parametrize("way", [refuse, crash, close])
@pytest.mark.parametrize("before", [0, 2])
async def test_upgrade_refused_after_the_head(http_protocol_cls: Any, way: Any, before: int) -> None:
    class Refusing(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            if self.scope["path"] == "/ws":
                way(self)

    connection = Http1Connection(Refusing, respond(), ws=Seamed).feed(GET * before + HANDSHAKE)
    await serve(connection)
    assert Seamed.made == []
    assert connection.transport.closed
    assert connection.statuses == [200] * before + [400] * (way is not close)


async def test_refuses_a_handshake_with_a_body_if_there_are_hooks(http_protocol_cls: Any) -> None:
    calls: list[Any] = []
    connection = Http1Connection(traced(http_protocol_cls, calls, "on_headers_complete"), respond(), ws=Seamed)
    connection.feed(HANDSHAKE[:-2] + b"Content-Length: 5\r\n\r\nhello")
    assert connection.statuses == [400]
    assert (calls, Seamed.made) == (["on_headers_complete"], [])


async def test_a_second_call_of_the_upgrade(http_protocol_cls: Any) -> None:
    """A second call of super() does nothing."""

    class Twice(http_protocol_cls):  # type: ignore[misc]  # the class comes from a fixture
        def handle_websocket_upgrade(self, *event: Any) -> None:
            super().handle_websocket_upgrade(*event)
            super().handle_websocket_upgrade(*event)

    Http1Connection(Twice, respond(), ws=Seamed).feed(HANDSHAKE)
    assert len(Seamed.made) == 1


# The hooks of h11's class.


async def test_handle_events() -> None:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    calls: list[Any] = []

    class Events(H11Protocol):
        def handle_events(self) -> None:
            calls.append("begin")
            super().handle_events()
            calls.append("end")

        def on_url(self, url: bytes) -> None:
            calls.append(url)
            super().on_url(url)

    connection = Http1Connection(Events, respond()).feed(GET[:5]).feed(GET[5:] + CHUNKED[:-1])
    assert calls == ["begin", "end", "begin", b"/", "end"]
    await connection.run()
    assert calls[5:] == [b"/c"]
    connection.feed(CHUNKED[-1:] + b"GET\r\n\r\n")
    await serve(connection)
    assert connection.statuses == [200, 200, 400]
    connection.protocol.handle_events()


async def test_handle_events_that_waits_for_more_bytes() -> None:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Slow(H11Protocol):
        ready = False

        def handle_events(self) -> None:
            if self.ready:
                super().handle_events()

    connection = Http1Connection(Slow, respond()).feed(GET[:5])
    connection.protocol.ready = True
    assert (await connection.ask(GET[5:])).status == 200
    Http1Connection(H11Protocol, respond()).protocol.handle_events()


# The request-response cycle.


class Wrapping:
    """A `run_asgi` that calls our `run_asgi`, as tracing tools do."""

    calls: ClassVar[list[str]] = []

    @classmethod
    def wrap(cls, run_asgi: Any) -> Any:
        async def traced(self: Any, app: Any) -> None:
            cls.calls.append("begin")
            await run_asgi(self, app)
            cls.calls.append("end" if self.response_complete else "?")

        cls.calls = []
        return traced


async def test_run_asgi_replaced(http_protocol_cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestResponseCycle, "run_asgi", Wrapping.wrap(RequestResponseCycle.run_asgi))
    connection = Http1Connection(http_protocol_cls, respond())
    assert (await connection.ask(GET)).status == 200
    assert Wrapping.calls == ["begin", "end"]


async def test_cycle_replaced_in_its_module(
    http_protocol_cls: Any, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cycle(RequestResponseCycle):
        run_asgi = Wrapping.wrap(RequestResponseCycle.run_asgi)

    monkeypatch.setattr(f"uvicorn.protocols.http.{parser}_impl.RequestResponseCycle", Cycle)
    connection = Http1Connection(http_protocol_cls, respond())
    assert (await connection.ask(GET)).status == 200
    assert Wrapping.calls == ["begin", "end"]


@pytest.mark.parametrize("name", ["conn", "parser"])
def test_unsupported_attributes_of_uvicorn_raise(http_protocol_cls: Any, name: str) -> None:
    protocol = Http1Connection(http_protocol_cls, respond()).protocol
    with pytest.raises(AttributeError, match=rf"Protocol has no '{name}': .* override on_url"):
        getattr(protocol, name)
    assert not hasattr(protocol, name)
