"""The life of one serving process."""

import asyncio
import contextlib
import errno
import functools
import logging
import os
import pickle
import random
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import cpu_seconds
from tests.processes import PATIENCE, exchange, free_port, run_async, serve
from tests.waiting import eventually, until
from uvicorn._compat import asyncio_run
from uvicorn.config import Config
from uvicorn.server import HANDLED_SIGNALS, Server, ServerState, http_date

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")

REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"


class State:
    """The application of a test, and the events that it records."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.busy = asyncio.Event()
        self.go_on = asyncio.Event()
        self.startup: Callable[[], Coroutine[Any, Any, Any]] = self.nothing

    async def nothing(self) -> None:
        pass

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.events.append("startup")
            await self.startup()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.events.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.busy.set()
        try:
            if scope["path"] == "/busy":
                await self.go_on.wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


def config_of(app: Any, **options: Any) -> Config:
    return Config(app, **{"port": 0, "log_config": None, "lifespan": "on", **options})


def address_of(server: Any) -> tuple[str, int]:
    address: tuple[str, int] = server.servers[0].sockets[0].getsockname()
    return address


@contextlib.asynccontextmanager
async def serving(server: Server, **arguments: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Serve in the running loop. At the end of the block, stop the server and wait for it."""
    task = asyncio.ensure_future(server.serve(**arguments))
    try:
        await until(lambda: server.started or task.done())
        yield task
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


async def ask(address: tuple[str, int], request: bytes = REQUEST) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


# --- Embedded ---------------------------------------------------------------------------------------------------------


async def test_serves_in_a_running_loop() -> None:
    state = State()
    server = Server(config_of(state))
    async with serving(server) as task:
        answer = await ask(address_of(server))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
        assert b"\r\nserver: uvicorn\r\n" in answer
        server.should_exit = True
        await task
    assert state.events == ["startup", "shutdown"]


async def test_a_config_can_be_loaded_before() -> None:
    config = config_of(State())
    config.load()
    server = Server(config)
    async with serving(server):
        assert (await ask(address_of(server))).endswith(b"done")


async def test_does_not_wait_for_a_flag_that_is_set() -> None:
    server = Server(config_of(State()))
    server.should_exit = True
    await asyncio.wait_for(server._flag("_exit").wait(PATIENCE), 1.0)
    assert server.should_exit


async def test_two_servers_share_a_loop() -> None:
    servers = [Server(config_of(State())) for _ in range(2)]
    async with serving(servers[0]) as first, serving(servers[1]) as second:
        for server in servers:
            assert (await ask(address_of(server))).endswith(b"done")
        servers[0].should_exit = True
        await first
        assert (await ask(address_of(servers[1]))).endswith(b"done")
        assert not second.done()


async def test_sockets_are_used_and_closed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [sock.getsockname() for sock in sockets]
    server = Server(config_of(State()))
    async with serving(server, sockets=sockets):
        for address in addresses:
            assert (await ask(address)).endswith(b"done")
    assert [sock.fileno() for sock in sockets] == [-1, -1]
    # The program has bound these sockets, so the server does not log the address.
    assert "Uvicorn running" not in caplog.text


async def test_a_wrapped_socket_is_closed_once() -> None:
    class Wrapper:
        """A socket that is wrapped, as in process managers."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    sock = socket.create_server(("127.0.0.1", 0))
    server = Server(config_of(State()))
    async with serving(server, sockets=[Wrapper(sock)]):
        assert (await ask(sock.getsockname())).endswith(b"done")
    assert sock.fileno() == -1


def test_run_in_a_thread_and_stop_from_another() -> None:
    server = Server(config_of(State()))
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == before
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_setting_should_exit_wakes_the_loop(loop: Any) -> None:
    server = Server(config_of(State(), loop=loop))
    asked: list[float] = []

    def ask() -> None:
        eventually(lambda: server.started)
        # The tick runs when the second changes. This moment is not near a tick.
        time.sleep(1.2 - time.time() % 1.0)
        asked.append(time.monotonic())
        server.should_exit = True

    thread = threading.Thread(target=ask)
    thread.start()
    server.run()
    elapsed = time.monotonic() - asked[0]
    thread.join()
    assert elapsed < 0.4


async def test_callback_notify() -> None:
    times: list[float] = []

    async def notify() -> None:
        times.append(time.monotonic())

    server = Server(config_of(State(), callback_notify=notify, timeout_notify=0.01))
    async with serving(server):
        await until(lambda: len(times) == 3)
        assert times[2] - times[0] < 2.0


async def test_callback_notify_goes_on_during_shutdown() -> None:
    count = 0

    async def notify() -> None:
        nonlocal count
        count += 1

    state = State()
    server = Server(config_of(state, callback_notify=notify, timeout_notify=0.01))
    async with serving(server) as task:
        request = asyncio.ensure_future(ask(address_of(server), REQUEST.replace(b"/ ", b"/busy ", 1)))
        await state.busy.wait()
        server.should_exit = True
        await asyncio.sleep(0)
        before = count
        await until(lambda: count > before + 2)
        assert not task.done()
        state.go_on.set()
        assert (await request).endswith(b"done")


async def test_a_subclass_that_overrides_startup() -> None:
    class Overriding(Server):
        seen = False

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            self.seen = self.started

    server = Overriding(config_of(State()))
    async with serving(server):
        assert server.seen


async def test_an_overridden_on_tick_is_called_ten_times_a_second() -> None:
    counters: list[int] = []

    class Ticking(Server):
        async def on_tick(self, counter: int) -> bool:
            counters.append(counter)
            return await super().on_tick(counter)

    start = time.monotonic()
    async with serving(Ticking(config_of(State()))):
        await until(lambda: len(counters) == 6)
    assert counters[:6] == [0, 1, 2, 3, 4, 5]
    assert time.monotonic() - start >= 0.45


async def test_on_tick_ends_the_server() -> None:
    server = Server(config_of(State()))

    async def on_tick(counter: int) -> bool:
        return counter >= 2

    server.on_tick = on_tick  # type: ignore[method-assign]  # as others do
    async with serving(server) as task:
        await asyncio.wait_for(task, PATIENCE)
        assert not server.should_exit


@pytest.mark.parametrize(("interval", "checks"), [(0, 1), (60, 0)])
async def test_certificates_are_checked_at_intervals(
    interval: int, checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Certificates:
        checks = 0

        def reload_if_changed(self) -> None:
            self.checks += 1

    monkeypatch.setattr("uvicorn.server.CERTIFICATES_INTERVAL", interval)
    server = Server(config_of(State()))
    # Not every server has certificates.
    assert not await server.on_tick(0)
    certificates: Any = Certificates()
    server.config.certificates = certificates
    server._date = 0
    assert not await server.on_tick(0)
    assert certificates.checks == checks


async def test_on_tick_can_continue_after_should_exit() -> None:
    class Stubborn(Server):
        ticks = 0

        async def on_tick(self, counter: int) -> bool:
            self.ticks += 1
            return self.ticks == 4

    server = Stubborn(config_of(State()))
    async with serving(server) as task:
        start = time.monotonic()
        server.should_exit = True
        await task
        assert time.monotonic() - start >= 0.05
    assert server.ticks == 4


async def test_should_exit_as_a_plain_attribute() -> None:
    class Plain(Server):
        should_exit = False  # type: ignore[assignment]  # as others do

    server = Plain(config_of(State()))
    async with serving(server) as task:
        server.should_exit = True
        start = time.monotonic()
        await task
    assert time.monotonic() - start < 0.5


def test_exit_flags_can_be_set_before_init() -> None:
    class Early(Server):
        def __init__(self) -> None:
            self.should_exit = True

    server = Early()
    assert server.should_exit
    assert not server.force_exit


def test_a_server_can_be_pickled() -> None:
    """The reloader passes the server to its child by pickling."""
    server = pickle.loads(pickle.dumps(Server(Config("tests.test_server:State", log_config=None))))
    assert isinstance(server, Server)
    assert isinstance(server.server_state, ServerState)


def test_the_date_of_the_example_of_the_rfc() -> None:
    assert http_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110 section 5.6.7


def test_the_date_equals_that_of_the_standard_library() -> None:
    days = (86400 * day + random.Random(day).random() * 86400 for day in range(0, 60000, 17))
    for seconds in days:
        assert http_date(seconds).decode() == formatdate(seconds, usegmt=True)


async def test_the_date_is_updated() -> None:
    server = Server(config_of(State()))
    async with serving(server):
        first = server.server_state.default_headers
        await until(lambda: server.server_state.default_headers != first)
        assert [name for name, _ in server.server_state.default_headers] == [b"date", b"server"]


async def test_no_date_header() -> None:
    server = Server(config_of(State(), date_header=False))
    async with serving(server):
        assert b"\r\ndate:" not in await ask(address_of(server))


# --- Startup ----------------------------------------------------------------------------------------------------------


async def test_a_failed_startup_ends_the_server() -> None:
    state = State()

    async def fail() -> None:
        raise RuntimeError("not today")

    state.startup = fail
    server = Server(config_of(state))
    with pytest.raises(SystemExit) as exited:
        await server.serve()
    assert exited.value.code == 3
    assert not server.started
    assert server.should_exit


def test_run_ends_with_3_after_a_failed_startup() -> None:
    state = State()

    async def fail() -> None:
        raise RuntimeError("not today")

    state.startup = fail
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    port = free_port()
    with pytest.raises(SystemExit) as exited:
        Server(config_of(state, port=port)).run()
    assert exited.value.code == 3
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == before
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))


async def test_an_exit_during_startup_shuts_the_application_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    state = State()
    server = Server(config_of(state))

    async def exit_soon() -> None:
        server.should_exit = True

    state.startup = exit_soon
    await server.serve()
    assert not server.started
    assert state.events == ["startup", "shutdown"]
    assert "Uvicorn running" not in caplog.text
    assert "Finished server process" in caplog.text


async def test_a_forced_exit_does_not_wait_for_startup() -> None:
    state = State()
    state.startup = asyncio.Event().wait
    server = Server(config_of(state))
    task = asyncio.ensure_future(server.serve())
    await until(lambda: state.events)
    server.should_exit = server.force_exit = True
    await asyncio.wait_for(task, PATIENCE)
    assert state.events == ["startup"]


@pytest.mark.parametrize("kind", ["port", "fd", "uds"])
async def test_an_address_that_cannot_be_bound_ends_the_server(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, open(os.devnull) as no_socket:
        options = {
            "port": {"port": taken.getsockname()[1]},
            "fd": {"fd": no_socket.fileno()},
            "uds": {"uds": str(tmp_path / "missing" / "socket")},
        }[kind]
        state = State()
        with pytest.raises(SystemExit) as exited:
            await Server(config_of(state, **options)).serve()
    assert exited.value.code == 3
    assert state.events == []
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is None
    assert "\n" not in record.getMessage()


RUNNING_APP = """
import asyncio

from examples.hello import app

asyncio.run(asyncio.sleep(0))
"""


@posix
@pytest.mark.parametrize("arguments", [[], ["--workers", "2"], ["--reload"]], ids=["one", "workers", "reload"])
def test_a_module_that_runs_an_event_loop_when_it_is_imported(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "running.py").write_text(RUNNING_APP)
    with serve("running:app", "--app-dir", str(tmp_path), *arguments, cwd=tmp_path) as server:
        server.wait_stderr("Application startup complete.")
        assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.stderr


def test_a_taken_port_is_found_before_the_application_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "never_imported.py").write_text("raise AssertionError('it has been imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as exited:
        Server(config_of("never_imported:app", port=taken.getsockname()[1])).run()
    assert exited.value.code == 3
    assert "address already in use" in caplog.text


async def test_a_port_that_is_taken_during_startup(caplog: pytest.LogCaptureFixture) -> None:
    """The system allows two sockets to bind to one port while neither of them listens."""
    state = State()
    port = free_port()
    with socket.socket() as other:

        async def listen() -> None:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()

        state.startup = listen
        with pytest.raises(SystemExit) as exited:
            await Server(config_of(state, port=port)).serve()
    assert exited.value.code == 3
    assert state.events == ["startup", "shutdown"]
    assert os.strerror(errno.EADDRINUSE).lower() in caplog.text.lower()


async def test_clients_are_refused_while_the_application_starts() -> None:
    state = State()
    port = free_port()
    refused: list[int] = []

    async def connect() -> None:
        with socket.socket() as client:
            refused.append(client.connect_ex(("127.0.0.1", port)))

    state.startup = connect
    server = Server(config_of(state, port=port))
    async with serving(server):
        assert (await ask(("127.0.0.1", port))).endswith(b"done")
    assert refused == [errno.ECONNREFUSED]


@posix
@pytest.mark.parametrize("how", ["run", "serve"])
def test_an_application_that_cannot_be_imported_leaves_nothing_bound(how: str, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = Server(config_of("tests.nothing:app", uds=str(path)))
    with pytest.raises(SystemExit):
        server.run() if how == "run" else run_async(server.serve())
    assert not path.exists()


async def test_servers_is_set_by_startup() -> None:
    server = Server(config_of(State()))
    assert not hasattr(server, "servers")
    async with serving(server):
        assert len(server.servers) == 1


@pytest.mark.parametrize("how", ["overridden", "assigned"])
async def test_a_replaced_startup_binds_its_own_socket(how: str) -> None:
    port = free_port()

    async def startup(self: Server, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        await self.lifespan.startup()
        sock = socket.socket()
        sock.bind(("127.0.0.1", port))
        self.servers = [await loop.create_server(self._create_protocol, sock=sock)]
        self.started = True

    if how == "overridden":
        server: Server = type("Own", (Server,), {"startup": startup})(config_of(State(), port=port))
    else:
        server = Server(config_of(State(), port=port))
        server.startup = functools.partial(startup, server)  # type: ignore[method-assign]  # as others do
    async with serving(server):
        assert (await ask(("127.0.0.1", port))).endswith(b"done")
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_startup_and_shutdown_can_be_called_separately() -> None:
    server = Server(config_of(State()))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    assert (await ask(address_of(server))).endswith(b"done")
    await server.shutdown()


async def test_fd(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with serving(Server(config_of(State(), fd=sock.fileno()))):
            assert (await ask(sock.getsockname())).endswith(b"done")
            assert f"Uvicorn running on socket {sock.getsockname()} (Press CTRL+C to quit)" in caplog.text
        assert sock.getsockname()  # The descriptor belongs to the caller, so the server does not close it.


# --- Shutdown ---------------------------------------------------------------------------------------------------------


async def busy_connection(server: Server, state: State) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*address_of(server))
    writer.write(b"GET /busy HTTP/1.1\r\nhost: test\r\n\r\n")
    await asyncio.wait_for(state.busy.wait(), PATIENCE)
    return reader, writer


async def reset(server: Server, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, so that the server cannot mistake it for a half-closed connection."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await until(lambda: not server.server_state.connections)


async def test_a_busy_connection_finishes_its_response(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    state = State()
    server = Server(config_of(state))
    async with serving(server) as task:
        reader, writer = await busy_connection(server, state)
        idle = await asyncio.open_connection(*address_of(server))
        idle[1].write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        assert (await idle[0].readuntil(b"done")).startswith(b"HTTP/1.1 200 ")
        address = address_of(server)
        server.should_exit = True
        assert await idle[0].read() == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        assert not task.done()
        state.go_on.set()
        answer = await reader.read()
        assert answer.endswith(b"done")
        assert answer.count(b"\r\nconnection: close\r\n") == 1
        released = time.monotonic()
        for end in (writer, idle[1]):
            end.close()
        await task
        assert time.monotonic() - released < 0.5
    messages = [record.getMessage() for record in caplog.records if "uvicorn" in record.name]
    assert messages[messages.index("Shutting down") :] == [
        "Shutting down",
        "Waiting for connections to close. (CTRL+C to force quit)",
        "Waiting for application shutdown.",
        "Application shutdown complete.",
        f"Finished server process [{os.getpid()}]",
    ]


async def test_the_timeout_cancels_applications_and_ends_connections(caplog: pytest.LogCaptureFixture) -> None:
    state = State()
    server = Server(config_of(state, timeout_graceful_shutdown=0))
    async with serving(server) as task:
        reader, writer = await busy_connection(server, state)
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
    assert state.events == ["startup", "cancelled", "shutdown"]
    assert "Cancel 1 running task(s), timeout graceful shutdown exceeded" in caplog.text


async def test_tasks_that_outlive_their_connections_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    state = State()
    server = Server(config_of(state))
    async with serving(server) as task:
        _, writer = await busy_connection(server, state)
        await reset(server, writer)
        server.should_exit = True
        await until(lambda: "Waiting for background tasks to complete. (CTRL+C to force quit)" in caplog.text)
        assert not task.done()
        state.go_on.set()
        await asyncio.wait_for(task, PATIENCE)
    assert state.events == ["startup", "shutdown"]


@pytest.mark.parametrize("waiting_for", ["connections", "tasks"])
async def test_a_forced_exit_interrupts_the_wait(waiting_for: str) -> None:
    state = State()
    server = Server(config_of(state))
    async with serving(server) as task:
        _, writer = await busy_connection(server, state)
        if waiting_for == "tasks":
            await reset(server, writer)
        server.should_exit = True
        await asyncio.sleep(0.05)
        assert not task.done()
        server.force_exit = True
        await asyncio.wait_for(task, PATIENCE)
        writer.close()
    assert state.events == ["startup", "cancelled"]


async def test_a_cancelled_server_leaves_nothing_behind() -> None:
    state = State()
    server = Server(config_of(state))
    async with serving(server) as task:
        _, writer = await busy_connection(server, state)
        address = address_of(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert state.events == ["startup", "cancelled", "shutdown"]
        await until(lambda: not server.server_state.connections)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        writer.close()


async def test_a_connection_without_a_transport_is_left_alone() -> None:
    class WithoutTransport:
        def shutdown(self) -> None:
            pass

    state = State()
    server = Server(config_of(state, timeout_graceful_shutdown=0))
    async with serving(server) as task:
        server.server_state.connections.add(WithoutTransport())
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE)
    assert state.events == ["startup", "shutdown"]


# --- The limit of requests --------------------------------------------------------------------------------------------


async def test_limit_max_requests(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    server = Server(config_of(State(), limit_max_requests=2))
    async with serving(server) as task:
        address = address_of(server)
        assert (await ask(address)).endswith(b"done")
        assert not server.should_exit
        assert (await ask(address)).endswith(b"done")
        await asyncio.wait_for(task, PATIENCE)
    assert caplog.text.count("Maximum request limit of 2 exceeded. Terminating process.") == 1


async def test_limit_max_requests_with_a_protocol_that_counts_by_itself() -> None:
    server = Server(config_of(State(), limit_max_requests=2))
    async with serving(server) as task:
        server.server_state.total_requests = 2
        await asyncio.wait_for(task, PATIENCE)
        assert server.should_exit


def test_the_limit_is_reached_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.error")
    server = Server(config_of(State(), limit_max_requests=2))
    server._on_request_limit()
    server._on_request_limit()
    assert caplog.text.count("Maximum request limit of 2 exceeded.") == 1


def test_the_jitter_is_added() -> None:
    limits = {
        Server(config_of(State(), limit_max_requests=10, limit_max_requests_jitter=3)).limit_max_requests
        for _ in range(200)
    }
    assert limits == {10, 11, 12, 13}


# --- Signals ----------------------------------------------------------------------------------------------------------


@posix
async def test_the_listener_stays_non_blocking() -> None:
    server = Server(config_of(State()))
    async with serving(server):
        assert not os.get_blocking(server.servers[0].sockets[0].fileno())


@contextlib.contextmanager
def recording(number: int) -> Generator[list[int], None, None]:
    """Install a handler that records the signals."""
    received: list[int] = []
    former = signal.signal(number, lambda sig, frame: received.append(sig))
    try:
        yield received
    finally:
        signal.signal(number, former)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_server_and_is_raised_again(number: int) -> None:
    state = State()
    server = Server(config_of(state))
    with recording(number) as received:
        async with serving(server) as task:
            os.kill(os.getpid(), number)
            await asyncio.wait_for(task, PATIENCE)
        assert received == [number]
    assert state.events == ["startup", "shutdown"]


@posix
async def test_signals_are_raised_again_last_first() -> None:
    order: list[int] = []
    server = Server(config_of(State()))
    with recording(signal.SIGINT) as interrupts, recording(signal.SIGTERM) as terminations:
        signal.signal(signal.SIGINT, lambda sig, frame: (order.append(sig), interrupts.append(sig)))
        signal.signal(signal.SIGTERM, lambda sig, frame: (order.append(sig), terminations.append(sig)))
        with server.capture_signals():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        assert order == [signal.SIGINT, signal.SIGTERM]
    assert server.should_exit
    assert server.force_exit


def test_only_a_second_sigint_forces() -> None:
    server = Server(config_of(State()))
    server.handle_exit(signal.SIGTERM, None)
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    assert not server.force_exit
    server.handle_exit(signal.SIGINT, None)
    assert server.force_exit


@posix
def test_handlers_of_the_application_do_not_outlive_the_server(loop: str) -> None:
    state = State()
    called: list[str] = []

    async def install() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, called.append, "the loop's")
        signal.signal(signal.SIGINT, lambda sig, frame: called.append("the application's"))

    async def main() -> None:
        async with serving(Server(config_of(state))):
            pass
        running = asyncio.get_running_loop()
        running.add_signal_handler(signal.SIGUSR1, called.append, "the last one")
        for number in (*HANDLED_SIGNALS, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        await asyncio.wait_for(until(lambda: called), PATIENCE)
        running.remove_signal_handler(signal.SIGUSR1)

    state.startup = install
    ours: list[int] = []
    former = [signal.signal(number, lambda sig, frame: ours.append(sig)) for number in HANDLED_SIGNALS]
    try:
        asyncio_run(main(), loop_factory=config_of(state, loop=loop).get_loop_factory())
        assert called == ["the last one"]
        assert sorted(ours) == sorted(HANDLED_SIGNALS)
    finally:
        for number, handler in zip(HANDLED_SIGNALS, former, strict=True):
            signal.signal(number, handler)


@posix
def test_signal_handlers_of_the_program_outlive_the_server(loop: str) -> None:
    called: list[str] = []

    async def main() -> None:
        running = asyncio.get_running_loop()
        running.add_signal_handler(signal.SIGTERM, called.append, "the program's")
        async with serving(Server(config_of(State()))):
            pass
        assert called == []
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(until(lambda: called), PATIENCE)
        running.remove_signal_handler(signal.SIGTERM)

    asyncio_run(main(), loop_factory=config_of(State(), loop=loop).get_loop_factory())
    assert called == ["the program's"]


@posix
def test_handle_exit_can_be_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Server, "handle_exit", lambda self, sig, frame: seen.append(sig))
    server = Server(config_of(State()))
    with recording(signal.SIGTERM) as received:
        with server.capture_signals():
            signal.raise_signal(signal.SIGTERM)
            handler = signal.getsignal(signal.SIGTERM)
            assert getattr(handler, "__self__", None) is server  # Other packages use this attribute to find the server.
        assert seen == [signal.SIGTERM]
        assert received == []


PATCHING_APP = """
from examples.hello import app
from uvicorn import Server

original = Server.handle_exit

def handle_exit(self, sig, frame):
    print("patched", sig, flush=True)
    original(self, sig, frame)

Server.handle_exit = handle_exit
"""


@posix
def test_handle_exit_can_be_patched_by_the_application(tmp_path: Path) -> None:
    (tmp_path / "patching.py").write_text(PATCHING_APP)
    with serve("patching:app", "--app-dir", str(tmp_path)) as server:
        assert server.stop() == 0
        assert f"patched {signal.SIGINT:d}" in server.stdout


@posix
def test_handle_exit_can_be_replaced_while_serving() -> None:
    server = Server(config_of(State()))
    before = signal.getsignal(signal.SIGTERM)
    with server.capture_signals():
        server.handle_exit = lambda sig, frame: None  # type: ignore[method-assign]  # as others do
    assert signal.getsignal(signal.SIGTERM) is before


@posix
def test_install_signal_handlers_can_be_assigned() -> None:
    server = Server(config_of(State()))
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]  # as others do
    with recording(signal.SIGTERM) as received, server.capture_signals():
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        assert not server.should_exit


@posix
@pytest.mark.parametrize("first", [0, 1], ids=["first-in-first-out", "last-in-first-out"])
def test_overlapping_servers_restore_the_handlers_in_any_order(first: int) -> None:
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    captures = [Server(config_of(State())).capture_signals() for _ in range(2)]
    for capture in captures:
        capture.__enter__()
    captures.pop(first).__exit__(None, None, None)
    captures.pop().__exit__(None, None, None)
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == before


@posix
def test_overlapping_servers_in_succession() -> None:
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    one, two = Server(config_of(State())), Server(config_of(State()))
    first, second = one.capture_signals(), two.capture_signals()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    third = one.capture_signals()
    third.__enter__()
    second.__exit__(None, None, None)
    third.__exit__(None, None, None)
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == before


@posix
def test_a_handler_that_python_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    server = Server(config_of(State()))
    with monkeypatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda number: None)
        capture = server.capture_signals()
        capture.__enter__()
    capture.__exit__(None, None, None)
    for number, handler in zip(HANDLED_SIGNALS, before, strict=True):
        assert signal.getsignal(number) == signal.SIG_DFL
        signal.signal(number, handler)


# --- Real processes ---------------------------------------------------------------------------------------------------

APP = "tests.supervisors.apps:app"


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_exit_code_and_log_of_a_process(number: int, code: int, loop: str) -> None:
    with serve(APP, "--loop", loop) as server:
        exchange((server.host, server.port), REQUEST)
        assert server.stop(number) == code
        pid = server.pid
        assert server.stderr.splitlines() == [
            f"INFO:     Started server process [{pid}]",
            "INFO:     Waiting for application startup.",
            "INFO:     Application startup complete.",
            f"INFO:     Uvicorn running on http://127.0.0.1:{server.port} (Press CTRL+C to quit)",
            "INFO:     Shutting down",
            "INFO:     Waiting for application shutdown.",
            "INFO:     Application shutdown complete.",
            f"INFO:     Finished server process [{pid}]",
        ]


@posix
def test_second_sigint_quits_at_once() -> None:
    with serve(APP) as server, socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET /never HTTP/1.1\r\nhost: test\r\n\r\n")
        server.wait_stderr("never")
        server.send_signal(signal.SIGINT)
        server.wait_stderr(r"Waiting for connections to close\. \(CTRL\+C to force quit\)")
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0
        assert "Application shutdown complete." not in server.stderr


@posix
@pytest.mark.timing
def test_an_idle_server_exits_within_30_milliseconds() -> None:
    fastest = PATIENCE
    for _ in range(10):  # The machine may be busy with something else, so the test has several attempts.
        with serve(APP) as server:
            start = time.monotonic()
            server.stop(signal.SIGTERM)
            fastest = min(fastest, time.monotonic() - start)
        if fastest < 0.03:
            break
    assert fastest < 0.03


@posix
def test_running_out_of_descriptors_causes_no_busy_loop(loop: str) -> None:
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)); import uvicorn; uvicorn.main()"
    )
    command = [sys.executable, "-c", limited]
    with serve(APP, "--loop", loop, "--port", "0", command=command) as server, contextlib.ExitStack() as clients:
        for _ in range(80):
            clients.enter_context(socket.create_connection((server.host, server.port)))
        before = cpu_seconds(server.pid)
        time.sleep(1.0)  # the period that is measured
        assert cpu_seconds(server.pid) - before < 0.5
        assert server.stderr.count("out of system resource") < 100
        clients.close()
        eventually(lambda: exchange((server.host, server.port), REQUEST).startswith(b"HTTP/1.1 200 "))


def test_a_loop_that_has_been_closed_is_not_woken() -> None:
    server = Server(config_of(State()))

    async def wait() -> None:
        await server._flag("_exit").wait()

    loop = asyncio.new_event_loop()
    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # the task is left pending on purpose
    loop.close()
    server.should_exit = True
    assert server.should_exit
    assert not task.done()
    assert run_async(server._flag("_exit").wait()) is None  # type: ignore[func-returns-value]  # the test is that it returns
