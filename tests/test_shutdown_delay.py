"""--shutdown-delay: after the signal the server is not ready, but continues to serve."""

import asyncio
import re
import signal
import socket
import time
from typing import Any

import pytest

from tests.processes import exchange, run_async, serve
from tests.waiting import eventually, until
from uvicorn.config import Config
from uvicorn.server import Server

HELLO = "examples.hello:app"
GET = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
ONE_OR_WORKERS = pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "workers"])
DELAYED = r"Shutting down in (\S+) s, serving requests until then. \(CTRL\+C to skip\)"


def is_served(port: int) -> bool:
    return exchange(("127.0.0.1", port), GET).startswith(b"HTTP/1.1 200 OK")


@ONE_OR_WORKERS
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_server_keeps_serving_until_a_second_signal(workers: list[str], second: signal.Signals) -> None:
    with serve(HELLO, "--shutdown-delay", "1000", *workers) as server:
        server.wait_stderr("Application startup complete.", count=max(1, 2 * len(workers) // 2))
        eventually(lambda: is_served(server.port))
        server.send_signal(signal.SIGTERM)
        assert server.wait_stderr(DELAYED, count=2 if workers else 1)[1] == "1000"
        for _ in range(10):
            assert is_served(server.port)
        assert not re.search("^INFO: +Shutting down$", server.stderr, re.MULTILINE)
        code = server.stop(second)
        # The server raises both signals again. Python 3.10 ends by the second one.
        assert code in ({0} if workers else {-signal.SIGTERM, 0 if second == signal.SIGINT else -second})
        assert server.stderr.count("Shutting down\n") == (2 if workers else 1)
        assert server.stderr.count("Application shutdown complete.") == 0  # This application has no lifespan.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


@ONE_OR_WORKERS
def test_the_delay_ends_by_itself(workers: list[str]) -> None:
    with serve(HELLO, "--shutdown-delay", "0.3", *workers) as server:
        server.wait_stderr("Application startup complete.", count=max(1, len(workers)))
        started = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - started >= 0.3


def test_ctrl_c_of_a_terminal_does_not_skip_the_delay_of_workers() -> None:
    """The signal reaches the workers directly, and in addition the supervisor sends them messages."""
    with serve(HELLO, "--shutdown-delay", "1000", "--workers", "2", group=True) as server:
        server.wait_stderr("Application startup complete.", count=2)
        server.send_signal(signal.SIGINT)
        server.wait_stderr(DELAYED, count=2)
        assert is_served(server.port)
        assert server.stop(signal.SIGINT) == 0
        assert server.stderr.count("Shutting down\n") == 2


def test_a_third_signal_does_not_wait_for_requests() -> None:
    arguments = ["tests.test_shutdown_delay:hanging_app", "--lifespan", "off", "--shutdown-delay", "1000"]
    with serve(*arguments) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(GET)
        server.wait_stderr("hanging")
        server.send_signal(signal.SIGINT)
        server.wait_stderr(DELAYED)
        server.send_signal(signal.SIGINT)
        server.wait_stderr("Waiting for connections to close.")
        assert server.stop(signal.SIGINT) == 0


async def hanging_app(scope: Any, receive: Any, send: Any) -> None:
    import logging

    logging.getLogger("uvicorn.error").info("hanging")
    await asyncio.sleep(1000)


def test_a_rolling_restart_has_no_delay() -> None:
    with serve(HELLO, "--shutdown-delay", "1000", "--workers", "1", "--workers", "2") as server:
        server.wait_stderr("Application startup complete.", count=2)
        server.send_signal(signal.SIGHUP)
        server.wait_stderr("All child processes have been restarted.")
        server.wait_stderr("Finished server process", count=2)
        assert not re.search(DELAYED, server.stderr)


def test_a_reload_has_no_delay() -> None:
    with serve(HELLO, "--shutdown-delay", "1000", "--reload") as server:
        server.wait_stderr("Application startup complete.")
        assert server.stop(signal.SIGINT) == 0
        assert not re.search(DELAYED, server.stderr)


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("forced", ["before", "meanwhile"])
def test_a_server_in_a_program(forced: str) -> None:
    """`ServerState.ready` says whether the server is ready, and `force_exit` skips the delay."""

    async def main() -> None:
        server = Server(Config(app, port=0, lifespan="off", shutdown_delay=1000, log_config=None))
        assert not server.server_state.ready
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.started)
        assert server.server_state.ready
        assert not server.skip_delay()
        if forced == "before":
            server.force_exit = True
        server.should_exit = True
        await until(lambda: not server.server_state.ready)
        if forced == "meanwhile":
            assert server.is_delayed
            server.force_exit = True
        await serving

    run_async(main())


def test_a_delay_is_skipped_once() -> None:
    async def main() -> None:
        server = Server(Config(app, port=0, lifespan="off", shutdown_delay=1000, log_config=None))
        server.should_exit = True
        delaying = asyncio.ensure_future(server._delay_shutdown(1000))
        assert server.skip_delay()
        assert not server.skip_delay()
        await delaying

    run_async(main())
