"""The small application of `apps/common`, in each framework that is installed, on a real server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

import pytest

from tests.frameworks.conftest import connect, httpx, needs
from tests.processes import PATIENCE, ServerProcess


class Has(Flag):
    """The features of a framework."""

    HTTP = auto()
    CHUNKED = auto()
    QUOTED = auto()
    STARTUP = auto()
    TEXT = auto()
    BYTES = auto()
    CODE = auto()
    ALL = HTTP | CHUNKED | QUOTED | STARTUP | TEXT | BYTES | CODE


@dataclass(frozen=True)
class Common:
    """One of the applications.

    Attributes:
        app: the import string, relative to `tests.frameworks.apps.common`.
        modules: the modules that have to be installed.
        has: the features of the framework.
        options: more options of the command line.
    """

    app: str
    modules: tuple[str, ...]
    has: Has = Has.ALL
    options: tuple[str, ...] = ()


APPLICATIONS = {
    "starlette": Common("starlette_app:app", ("starlette",)),
    "fastapi": Common("fastapi_app:app", ("fastapi",)),
    "django": Common("django_app:app", ("django",), Has.HTTP | Has.CHUNKED | Has.QUOTED),
    "ninja": Common("ninja_app:app", ("ninja",), Has.HTTP | Has.CHUNKED | Has.QUOTED),
    "connexion": Common("connexion_app:app", ("connexion",), Has.HTTP | Has.CHUNKED | Has.QUOTED | Has.STARTUP),
    "quart": Common("quart_app:app", ("quart",)),
    "litestar": Common("litestar_app:app", ("litestar",)),
    "blacksheep": Common("blacksheep_app:app", ("blacksheep",)),
    # In Falcon, the application has to know whether a message is text or bytes before it receives the message.
    "falcon": Common("falcon_app:app", ("falcon",), Has.ALL & ~Has.BYTES),
    # Sanic does not decode the path before it routes, and it always closes a WebSocket with the code 1000.
    "sanic": Common("sanic_app:app", ("sanic",), Has.ALL & ~Has.QUOTED & ~Has.CODE),
    # a2wsgi does not set wsgi.input_terminated, and then Werkzeug reads no body that has no length.
    "flask-wsgi": Common("flask_app:wsgi_app", ("flask", "a2wsgi"), Has.HTTP | Has.QUOTED, ("--interface", "wsgi")),
    "flask-a2wsgi": Common("flask_app:a2wsgi_app", ("flask", "a2wsgi"), Has.HTTP | Has.QUOTED),
    "flask-native": Common("flask_app:native_app", ("flask", "a2wsgi"), Has.HTTP | Has.QUOTED | Has.CHUNKED),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(common, id=name, marks=needs(*common.modules)) for name, common in APPLICATIONS.items()],
)
def common(request: pytest.FixtureRequest) -> Common:
    chosen: Common = request.param
    return chosen


@pytest.fixture(scope="module")
def client(common: Common, serve_app: Callable[..., Any]) -> Any:
    lifespan = "on" if Has.STARTUP in common.has else "auto"
    return serve_app(f"common.{common.app}", "--lifespan", lifespan, *common.options)


def test_path_and_query(client: Any, common: Common) -> None:
    name = "caf\u00e9" if Has.QUOTED in common.has else "cafe"
    response = client.get(f"/hello/{name}", params={"q": "a b&c"})
    assert (response.status_code, response.json()) == (200, {"name": name, "q": "a b&c"})
    assert response.headers.get_list("server")[0] == "uvicorn"
    assert "date" in response.headers


def test_head_has_no_body(client: Any) -> None:
    response = client.head("/hello/you")
    assert response.status_code in (200, 404, 405)  # depends on the routing of the framework
    assert response.content == b""


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_a_body_of_known_length(client: Any, size: int) -> None:
    body = bytes(number % 251 for number in range(1000)) * (size // 1000) or b"x" * size
    response = client.post("/echo", content=body, headers={"content-type": "application/octet-stream"})
    assert response.content == body


def test_a_chunked_body(client: Any, common: Common) -> None:
    if Has.CHUNKED not in common.has:
        pytest.skip("no request bodies without a length")

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            yield b"%03d" % number * 1000

    response = client.post("/echo", content=pieces(), headers={"content-type": "application/octet-stream"})
    assert response.content == b"".join(pieces())


def test_a_streamed_response(client: Any) -> None:
    with client.stream("GET", "/stream") as response:
        assert response.headers["transfer-encoding"] == "chunked"
        received = b"".join(response.iter_bytes())
    assert received == b"".join(b"piece %d;" % number for number in range(50))


def test_an_unknown_path_is_404(client: Any) -> None:
    assert client.get("/nowhere").status_code == 404


def test_a_broken_application(client: Any) -> None:
    assert client.get("/broken").status_code == 500
    assert httpx.get(f"{client.server.url}/hello/me", trust_env=False, timeout=PATIENCE).status_code == 200


def test_startup(client: Any, common: Common) -> None:
    if Has.STARTUP not in common.has:
        pytest.skip("no start-up hook")
    assert client.get("/started").json() == {"started": True}


def test_a_framework_without_lifespan(client: Any, common: Common) -> None:
    if common.modules != ("django",):
        pytest.skip("it has a lifespan, or does not log that it has none")
    client.server.wait_stderr("ASGI 'lifespan' protocol appears unsupported.")
    assert "lifespan" not in client.server.stderr.partition("Traceback")[2]


def test_websocket(client: Any, common: Common) -> None:
    if Has.TEXT not in common.has:
        pytest.skip("no WebSockets")
    pytest.importorskip("websockets.sync.client")
    from websockets.exceptions import ConnectionClosed

    with connect(client, "ws") as websocket:
        websocket.send("hello")
        assert websocket.recv(timeout=PATIENCE) == "HELLO"
        if Has.BYTES in common.has:
            websocket.send(b"\x00\x01\x02" * 50_000)
            assert websocket.recv(timeout=PATIENCE) == b"\x02\x01\x00" * 50_000
        websocket.send("close")
        code = 4001 if Has.CODE in common.has else 1000
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=PATIENCE)
        assert websocket.close_code == code


def test_the_server_ends_cleanly(common: Common) -> None:
    with ServerProcess(f"tests.frameworks.apps.common.{common.app}", *common.options) as server:
        assert httpx.get(f"{server.url}/hello/me", trust_env=False, timeout=PATIENCE).status_code == 200
        assert server.stop() == 0
        assert "Finished server process" in server.stderr
        assert "Traceback" not in server.stderr
