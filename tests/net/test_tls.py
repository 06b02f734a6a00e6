import contextlib
import errno
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.apps import live
from tests.processes import PATIENCE, ServerProcess, exchange, serve
from tests.waiting import eventually
from uvicorn.config import Config, create_ssl_context
from uvicorn.net.tls import Certificates, load_ssl_context

UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"


async def unread_app(scope: Any, receive: Any, send: Any) -> None:
    """Respond without reading the body."""
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
        self.other_key = str(directory / "other.pem")
        self.client.private_key_pem.write_to_path(self.other_key)
        self.cut_off = str(directory / "cut_off.pem")
        Path(self.cut_off).write_bytes(certificate.private_key_and_cert_chain_pem.bytes()[:-100])

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
    """Do a handshake over a pair of sockets. Returns the protocol that ALPN selected, and the cipher."""
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
            # In TLS 1.3 the server checks the client's certificate only after the client has completed the handshake.
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
        ({"ssl_keyfile": "key"}, "--ssl-certfile is missing: TLS needs a certificate"),
        ({"ssl_certfile": "missing.pem"}, "--ssl-certfile 'missing.pem' does not exist"),
        ({"ssl_certfile": "both", "ssl_keyfile": "missing.pem"}, "--ssl-keyfile 'missing.pem' does not exist"),
        ({"ssl_certfile": "both", "ssl_ca_certs": "missing.pem"}, "--ssl-ca-certs 'missing.pem' does not exist"),
        ({"ssl_certfile": "garbage"}, "garbage.pem: there is no certificate in PEM format in this file"),
        ({"ssl_certfile": "key"}, "key.pem: there is no certificate in PEM format in this file"),
        (
            {"ssl_certfile": "certificate"},
            "certificate.pem: there is no private key in this file; --ssl-keyfile names another one",
        ),
        (
            {"ssl_certfile": "certificate", "ssl_keyfile": "garbage"},
            "garbage.pem: there is no private key in PEM format in this file",
        ),
        (
            {"ssl_certfile": "certificate", "ssl_keyfile": "other_key"},
            "other.pem: the private key does not belong to the certificate in ",
        ),
        (
            {"ssl_certfile": "certificate", "ssl_keyfile": "encrypted_key", "ssl_keyfile_password": "wrong"},
            "encrypted.pem: the private key is encrypted, and --ssl-keyfile-password is not its password",
        ),
        ({"ssl_certfile": "cut_off"}, "cut_off.pem: not in PEM format ("),
        (
            {"ssl_certfile": "both", "ssl_ca_certs": "garbage"},
            "garbage.pem: there is no certificate in PEM format in this file",
        ),
    ],
)
def test_wrong_tls_options_are_reported_in_one_line(
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


@pytest.mark.parametrize("option", ["ssl_certfile", "ssl_ca_certs"])
def test_the_error_names_a_file_without_permission(option: str, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's error has no file name. Root reads all files, so the test raises the error itself."""

    def refuse(*args: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    method = "load_cert_chain" if option == "ssl_certfile" else "load_verify_locations"
    monkeypatch.setattr(ssl.SSLContext, method, refuse)
    options = {"ssl_certfile": files.both, option: files.both}
    with pytest.raises(PermissionError, match=r"both\.pem cannot be read: Permission denied"):
        load(**options)


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
        # A client that does not speak TLS gets no response, and the server continues to serve.
        assert not exchange((server.host, server.port), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").startswith(b"HTTP")
        assert server.process.poll() is None


@pytest.mark.parametrize("request_head", [UPLOAD, b"GET / HTTP/1.1\r\nbad\r\n\r\n"], ids=["early", "rejected"])
def test_a_response_arrives_while_the_client_still_sends(files: Files, request_head: bytes) -> None:
    """TLS has no half-closed connections. The client must get the response although it still sends a body."""
    arguments = ["tests.net.test_tls:unread_app", "--ssl-certfile", files.certificate, "--ssl-keyfile", files.key]
    with (
        serve(*arguments) as server,
        socket.create_connection((server.host, server.port), timeout=10) as sock,
        files.client_context().wrap_socket(sock, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(request_head)
        # The server may close the connection while the client sends.
        with contextlib.suppress(OSError):
            for _ in range(4):
                client.sendall(b"x" * 16_000)
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 40")
    assert b"\r\nconnection: close\r\n" in received


class Client:
    """A client whose handshake a test controls step by step."""

    def __init__(self, server: ServerProcess, context: ssl.SSLContext) -> None:
        self.sock = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")

    def begin(self) -> None:
        """Send the first message, and receive a part of the answer. The server is then in the handshake."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self.sock.sendall(self._outgoing.read())
        self._incoming.write(self.sock.recv(65536))

    def _repeat(self, call: Callable[[], Any]) -> Any:
        """Repeat a call of TLS until enough bytes have been received. Returns its result."""
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                piece = self.sock.recv(65536)
                self._incoming.write(piece) if piece else self._incoming.write_eof()
            else:
                self.sock.sendall(self._outgoing.read())
                return result

    def ask(self, request: bytes) -> bytes:
        """Complete the handshake, send the request if it is not empty, and return the bytes up to the end of TLS."""
        self._repeat(self._tls.do_handshake)
        if request:
            self._repeat(lambda: self._tls.write(request))
        received = b""
        # If the connection ends without a closure of TLS, this raises `ssl.SSLEOFError`.
        while piece := self._repeat(lambda: self._tls.read(65536)):
            received += piece
        return received


@pytest.mark.parametrize(
    "request_head", [b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"", None], ids=["asks", "idle", "gone"]
)
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "workers"])
def test_a_handshake_continues_during_the_shutdown(
    files: Files, loop: str, workers: list[str], request_head: bytes | None
) -> None:
    """The client gets a response to its first request. Without a request, the server soon closes the connection."""
    options = ["--loop", loop, *workers, "--ssl-certfile", files.both, "--timeout-ssl-handshake", str(10 * PATIENCE)]
    with serve("tests.apps:asgi3_app", *options, "--lifespan", "off") as server:
        eventually(lambda: socket.create_connection((server.host, server.port)).close() is None)
        client = Client(server, files.client_context())
        with client.sock:
            client.begin()
            server.send_signal(signal.SIGTERM)
            server.wait_stderr("Waiting for connections to close")
            if request_head is not None:
                answer = client.ask(request_head)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n" if request_head else b"")
                assert (b"\r\nconnection: close\r\n" in answer) == bool(request_head)
            else:
                with contextlib.suppress(ConnectionResetError):
                    while client.sock.recv(65536):
                        pass
        # The client has closed its end. asyncio of Python 3.10 waits for that without a limit.
        assert server.wait() == (0 if workers else -signal.SIGTERM)
        assert "Traceback" not in server.stderr


def test_the_private_key_is_not_shown() -> None:
    with pytest.raises(TypeError) as caught:
        Config(None, ssl_keyfile_password=271828)  # type: ignore[arg-type]  # the error under test
    assert str(caught.value) == "ssl_keyfile_password must be a string, not int"
    assert os.fspath("271828") not in str(caught.value)


# --- Versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.3", "TLSv1.3", "tls1.3", ssl.TLSVersion.TLSv1_3])
def test_the_oldest_version(files: Files, version: Any) -> None:
    context = load(ssl_certfile=files.both, ssl_min_version=version)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    client = files.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(context, client)


@pytest.mark.parametrize("version", ["1.4", "", "SSLv3", "v"])
def test_an_unknown_tls_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"ssl_min_version must be one of 1\.0, 1\.1, 1\.2, 1\.3, not "):
        Config(None, ssl_min_version=version)


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLSv1_2 is deprecated:DeprecationWarning")
def test_an_oldest_version_beside_a_protocol_of_one_version(files: Files) -> None:
    with pytest.raises(OSError, match="--ssl-min-version needs --ssl-version 17"):
        load(ssl_certfile=files.both, ssl_min_version="1.3", ssl_version=int(ssl.PROTOCOL_TLSv1_2))


# --- Several certificates ---------------------------------------------------------------------------------------------


class Names:
    """Certificates of several names, in files that can be written again."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        self.directory = directory

    def issue(self, *names: str, file: str = "") -> str:
        path = self.directory / (file or f"{names[0].replace('*', 'any')}.pem")
        certificate = self.authority.issue_cert(*names)
        # Two files, so that the second write is another file even within one tick of the file system's clock.
        new = path.with_suffix(".new")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(new))
        os.replace(new, path)
        return str(path)

    def issue_parts(self, name: str) -> tuple[str, str]:
        certificate = self.authority.issue_cert(name)
        paths = str(self.directory / f"{name}.crt"), str(self.directory / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(paths[0])
        certificate.private_key_pem.write_to_path(paths[1])
        return paths


@pytest.fixture
def names(tmp_path: Path) -> Names:
    return Names(tmp_path)


def serial_number(server: ssl.SSLContext, names: Names, name: str | None) -> tuple[str, list[str]]:
    """Return the serial number and the names of the certificate that a client gets if it asks for `name`."""
    context = ssl.create_default_context()
    names.authority.configure_trust(context)
    context.check_hostname = False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    side = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, side):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    shown: Any = client.getpeercert()
    return shown["serialNumber"], [value for _, value in shown["subjectAltName"]]


def test_the_certificate_of_the_name_that_is_asked_for(names: Names) -> None:
    certfiles = [names.issue("a.example"), names.issue("b.example", "c.example"), names.issue("*.d.example")]
    context = load(ssl_certfile=certfiles)
    for asked, shown in {
        "a.example": "a.example",
        "b.example": "b.example",
        "C.EXAMPLE": "b.example",
        "x.d.example": "*.d.example",
        "x.y.d.example": "a.example",
        "d.example": "a.example",
        "other.example": "a.example",
        None: "a.example",
    }.items():
        assert serial_number(context, names, asked)[1][0] == shown, asked


def test_the_keys_belong_to_the_certificates_in_their_order(names: Names) -> None:
    (a_cert, a_key), (b_cert, b_key) = (names.issue_parts(name) for name in ("a.example", "b.example"))
    context = load(ssl_certfile=(a_cert, b_cert), ssl_keyfile=[a_key, b_key])
    assert serial_number(context, names, "b.example")[1] == ["b.example"]
    with pytest.raises(ssl.SSLError, match="the private key does not belong to the certificate"):
        load(ssl_certfile=[a_cert, b_cert], ssl_keyfile=[b_key, a_key])
    with pytest.raises(OSError, match="there are 2 certificates and 1 keys"):
        load(ssl_certfile=[a_cert, b_cert], ssl_keyfile=a_key)


def test_one_certificate_is_not_a_list(files: Files) -> None:
    assert Config(None, ssl_certfile=files.both).ssl_certfile == files.both
    assert Config(None, ssl_certfile=[files.both]).ssl_certfile == files.both
    assert Config(None, ssl_certfile=[]).ssl_certfile is None
    assert not Config(None, ssl_certfile=[]).is_ssl
    assert Config(None, ssl_certfile=("a", "b")).ssl_certfile == ["a", "b"]


# --- Certificates that change -----------------------------------------------------------------------------------------


def test_changed_certificates_are_read_again(names: Names, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "uvicorn.error")
    path = names.issue("a.example")
    certificates = Certificates(Config(None, ssl_certfile=path, log_config=None))
    first = serial_number(certificates.context, names, "a.example")
    certificates.reload_if_changed()
    assert serial_number(certificates.context, names, "a.example") == first
    assert caplog.messages == []
    names.issue("a.example")
    certificates.reload_if_changed()
    second = serial_number(certificates.context, names, "a.example")
    assert second != first
    assert caplog.messages == ["The certificates have been reloaded."]


@pytest.mark.parametrize("damage", ["garbage", "gone", "other"])
def test_a_bad_file_keeps_the_old_certificate(names: Names, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "uvicorn.error")
    certfile, keyfile = names.issue_parts("a.example")
    certificates = Certificates(Config(None, ssl_certfile=certfile, ssl_keyfile=keyfile, log_config=None))
    first = serial_number(certificates.context, names, "a.example")
    if damage == "garbage":
        Path(certfile).write_text("no certificate")
    elif damage == "gone":
        os.unlink(certfile)
    else:  # The certificate has been renewed, but its key not yet.
        os.replace(names.issue("a.example", file="new"), certfile)
    certificates.reload_if_changed()
    certificates.reload_if_changed()
    assert serial_number(certificates.context, names, "a.example") == first
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("The certificates cannot be reloaded, the old ones stay in use: ")
    names.issue_parts("a.example")
    certificates.reload_if_changed()
    assert serial_number(certificates.context, names, "a.example") != first


def test_does_not_prompt_for_the_password_of_a_new_key(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(Path(files.key).read_bytes())
    config = Config(None, ssl_certfile=files.certificate, ssl_keyfile=path, log_config=None)
    certificates = Certificates(config)
    path.write_bytes(Path(files.encrypted_key).read_bytes())
    certificates.reload()
    assert handshake(certificates.context, files.client_context())[1]


def shown_by(server: Any, names: Names, session: ssl.SSLSession | None = None) -> tuple[Any, ssl.SSLSession, bool]:
    """Connect to a server. Returns its certificate, the session, and whether the given session was resumed."""
    context = SESSIONS.setdefault(names, ssl.create_default_context())
    context.check_hostname = False
    names.authority.configure_trust(context)
    with (
        socket.create_connection((server.host, server.port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="a.example", session=session) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        received = b""
        while piece := client.recv(65536):
            received += piece
        assert received.startswith(b"HTTP/1.1 200 ")
        assert client.session is not None
        return client.getpeercert(), client.session, bool(client.session_reused)


# A session can be resumed only in the client context in which it began.
SESSIONS: dict[Names, ssl.SSLContext] = {}


def test_a_server_reloads_changed_certificates(names: Names) -> None:
    path = names.issue("a.example")
    command = [sys.executable, "-c", "import uvicorn.server, uvicorn; uvicorn.server.CERTIFICATES_INTERVAL = 0; "]
    command[-1] += f"uvicorn.run('tests.apps:asgi3_app', port=0, ssl_certfile={path!r})"
    with serve(command=command) as server:
        first, _, _ = shown_by(server, names)
        names.issue("a.example")
        server.wait_stderr("The certificates have been reloaded.")
        assert shown_by(server, names)[0] != first


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")
def test_a_session_is_resumed_with_any_worker(names: Names) -> None:
    path = names.issue("a.example")
    with serve("tests.net.test_tls:pid_app", "--ssl-certfile", path, "--workers", "2", "--no-access-log") as server:
        server.wait_stderr("Application startup complete.", count=2)
        eventually(lambda: socket.create_connection((server.host, server.port)).close() is None)
        _, session, _ = shown_by(server, names)
        # The kernel chooses the worker that accepts a connection, so one attempt may not reach the other worker.
        for _ in range(20):
            certificate, session, reused = shown_by(server, names, session)
            assert reused
        # A rolling restart reads the files again, and sessions can still be resumed.
        names.issue("a.example")
        server.send_signal(signal.SIGHUP)
        server.wait_stderr("All child processes have been restarted.")
        assert shown_by(server, names, session)[2]
        assert shown_by(server, names)[0] != certificate


async def pid_app(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the process id."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % os.getpid()})


def test_workers_that_cannot_load_a_certificate(files: Files) -> None:
    options = ["--ssl-certfile", files.both, "--ssl-ca-certs", files.garbage, "--workers", "2"]
    with serve("tests.apps:asgi3_app", *options, ready=False) as server:
        assert server.wait() == 3
        assert "there is no certificate in PEM format in this file" in server.stderr


def test_contexts_are_not_pickled(files: Files) -> None:
    config = Config("tests.apps:asgi3_app", ssl_certfile=files.both, log_config=None)
    config.load()
    assert config.certificates is not None
    assert config.__getstate__()["ssl"] is None
    assert config.__getstate__()["certificates"] is None
