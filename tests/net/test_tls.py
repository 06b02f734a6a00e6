import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.processes import exchange, serve
from uvicorn.config import Config, create_ssl_context
from uvicorn.net.tls import load_ssl_context

UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"


async def unread_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers without having read the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


class Files:
    """A certificate and its parts as files."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        certificate = self.authority.issue_cert("localhost", "127.0.0.1")
        self.client = self.authority.issue_cert("client@example.org")
        self.authorities = str(directory / "authorities.pem")
        self.certificate = str(directory / "certificate.pem")
        self.key = str(directory / "key.pem")
        self.encrypted_key = str(directory / "encrypted.pem")
        self.both = str(directory / "both.pem")
        self.garbage = str(directory / "garbage.pem")
        self.authority.cert_pem.write_to_path(self.authorities)
        certificate.cert_chain_pems[0].write_to_path(self.certificate)
        certificate.private_key_pem.write_to_path(self.key)
        certificate.private_key_and_cert_chain_pem.write_to_path(self.both)
        key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
        Path(self.encrypted_key).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        Path(self.garbage).write_text("no PEM")

    def client_context(self, with_certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if with_certificate:
            self.client.configure_cert(context)
        return context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str | None, str | None]:
    """Shake hands over a pair of sockets; the protocol of the application layer and the cipher."""
    left, right = socket.socketpair()
    failures: list[Exception] = []

    def serve_one() -> None:
        try:
            with server.wrap_socket(left, server_side=True) as wrapped:
                wrapped.sendall(b"hello")
        except OSError as exc:
            failures.append(exc)
            left.close()

    thread = threading.Thread(target=serve_one)
    thread.start()
    try:
        with client.wrap_socket(right, server_hostname="localhost") as wrapped:
            # A server of TLS 1.3 judges the client's certificate only after the client is done.
            assert wrapped.recv(5) == b"hello"
            cipher = wrapped.cipher()
            return wrapped.selected_alpn_protocol(), cipher[0] if cipher else None
    finally:
        right.close()
        thread.join(10)
        if failures:
            raise failures[0]


def load(**options: Any) -> ssl.SSLContext:
    context = load_ssl_context(Config(None, **options))
    assert isinstance(context, ssl.SSLContext)
    return context


def test_certificate_and_key(files: Files) -> None:
    context = load(ssl_certfile=files.certificate, ssl_keyfile=files.key)
    assert handshake(context, files.client_context())[1]
    assert context.verify_mode == ssl.CERT_NONE


def test_one_file_may_hold_both(files: Files) -> None:
    assert handshake(load(ssl_certfile=Path(files.both)), files.client_context())[1]


def test_a_password(files: Files) -> None:
    options = {"ssl_certfile": files.certificate, "ssl_keyfile": files.encrypted_key}
    assert handshake(load(**options, ssl_keyfile_password="secret"), files.client_context())[1]


def test_http_1_1_is_negotiated(files: Files) -> None:
    client = files.client_context()
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(load(ssl_certfile=files.both), client)[0] == "http/1.1"


@pytest.mark.parametrize("of_the_user", [False, True])
def test_http_2_is_negotiated(files: Files, of_the_user: bool) -> None:
    options: dict[str, Any] = {"ssl_certfile": files.both, "http2": True}
    if of_the_user:
        options["ssl_context_factory"] = lambda config, default: create_ssl_context(
            files.both, None, None, ssl.PROTOCOL_TLS_SERVER, 0, None, None
        )
    for offered, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2")):
        client = files.client_context()
        client.set_alpn_protocols(offered)
        assert handshake(load(**options), client)[0] == chosen


def test_client_certificates(files: Files) -> None:
    context = load(ssl_certfile=files.both, ssl_ca_certs=files.authorities, ssl_cert_reqs=ssl.CERT_REQUIRED)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert handshake(context, files.client_context(with_certificate=True))[1]
    with pytest.raises(ssl.SSLError):
        handshake(context, files.client_context())


def test_ciphers(files: Files) -> None:
    client = files.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    context = load(ssl_certfile=files.both, ssl_ciphers="ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
    assert handshake(context, client)[1] in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384")


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")
def test_another_protocol(files: Files) -> None:
    context = load(ssl_certfile=files.both, ssl_version=int(ssl.PROTOCOL_TLS))
    assert context.protocol == ssl.PROTOCOL_TLS


def test_the_function_takes_its_arguments_by_position(files: Files) -> None:
    context = create_ssl_context(files.certificate, files.key, None, ssl.PROTOCOL_TLS_SERVER, 0, None, None)
    assert handshake(context, files.client_context())[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ssl_keyfile": "key"}, "TLS needs a certificate: ssl_certfile (--ssl-certfile) is not set"),
        ({"ssl_certfile": "missing.pem"}, "ssl_certfile 'missing.pem' does not exist"),
        ({"ssl_certfile": "both", "ssl_keyfile": "missing.pem"}, "ssl_keyfile 'missing.pem' does not exist"),
        ({"ssl_certfile": "both", "ssl_ca_certs": "missing.pem"}, "ssl_ca_certs 'missing.pem' does not exist"),
        ({"ssl_certfile": "garbage"}, "garbage.pem': not in PEM format, or of no such password"),
        ({"ssl_certfile": "certificate"}, "certificate.pem': not in PEM format, or of no such password"),
        (
            {"ssl_certfile": "certificate", "ssl_keyfile": "encrypted_key", "ssl_keyfile_password": "wrong"},
            "encrypted.pem': not in PEM format, or of no such password",
        ),
        ({"ssl_certfile": "both", "ssl_ca_certs": "garbage"}, "garbage.pem': not in PEM format"),
    ],
)
def test_what_makes_no_context_is_told_in_one_line(
    options: dict[str, str], message: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(None, **{name: getattr(files, value, value) for name, value in options.items()})  # type: ignore[arg-type]  # strings, all of them
    with pytest.raises(SystemExit) as exited:
        config.load()
    assert exited.value.code == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("ERROR:    ")
    assert message in lines[0]


def test_a_factory_may_change_the_default(files: Files) -> None:
    calls = []

    def factory(config: Config, default_factory: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        calls.append(config)
        context = default_factory()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    config = Config(None, ssl_certfile=files.both, ssl_context_factory=factory)
    assert config.is_ssl
    assert load_ssl_context(config).minimum_version == ssl.TLSVersion.TLSv1_3
    assert calls == [config]


def test_a_factory_needs_no_files() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    config = Config("tests.apps:asgi3_app", ssl_context_factory=lambda config, default_factory: context)
    assert config.is_ssl
    config.load()
    assert config.ssl is context


def test_a_factory_that_returns_something_else() -> None:
    config = Config(None, ssl_context_factory=lambda config, default_factory: None)  # type: ignore[arg-type,return-value]  # the error under test
    with pytest.raises(TypeError, match=r"ssl_context_factory must return an ssl\.SSLContext, not NoneType"):
        config.load()


def test_https_from_the_command_line(files: Files) -> None:
    arguments = ["tests.apps:asgi3_app", "--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    with serve(*arguments) as server:
        assert "Uvicorn running on https://127.0.0.1:" in server.stderr
        with (
            socket.create_connection((server.host, server.port), timeout=10) as sock,
            files.client_context().wrap_socket(sock, server_hostname="127.0.0.1") as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            received = b""
            while piece := client.recv(65536):
                received += piece
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        # Who speaks no TLS is not answered, and harms nobody.
        assert not exchange((server.host, server.port), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").startswith(b"HTTP")
        assert server.process.poll() is None


@pytest.mark.parametrize("request_head", [UPLOAD, b"GET / HTTP/1.1\r\nbad\r\n\r\n"], ids=["early", "rejected"])
def test_an_answer_arrives_though_the_client_goes_on_sending(files: Files, request_head: bytes) -> None:
    """There are no half-closed connections in TLS; what is still sent must not cost the answer."""
    arguments = ["tests.net.test_tls:unread_app", "--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    with (
        serve(*arguments) as server,
        socket.create_connection((server.host, server.port), timeout=10) as sock,
        files.client_context().wrap_socket(sock, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(request_head)
        # It may be cut off while it sends.
        with contextlib.suppress(OSError):
            for _ in range(4):
                client.sendall(b"x" * 16_000)
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 40")
    assert b"\r\nconnection: close\r\n" in received


def test_the_private_key_is_not_shown() -> None:
    with pytest.raises(TypeError) as caught:
        Config(None, ssl_keyfile_password=271828)  # type: ignore[arg-type]  # the error under test
    assert str(caught.value) == "ssl_keyfile_password must be a string, not int"
    assert os.fspath("271828") not in str(caught.value)
