"""What applications learn about the TLS of a connection (ASGI specification, TLS extension)."""

import datetime
import json
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.doubles import MockTransport
from tests.processes import PATIENCE, ServerProcess, serve
from uvicorn.config import create_ssl_context
from uvicorn.net.tls import get_server_certificate
from uvicorn.protocols.tls_extension import describe_tls, format_name

APP = "tests.tls_app:app"
VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class Files:
    """Certificates, and the files of the server's certificate."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        server = self.authority.issue_cert("127.0.0.1")
        self.server = server.cert_chain_pems[0].bytes().decode()
        # An intermediate authority signs the client's certificate, so that the client sends a chain.
        self.client = self.authority.create_child_ca().issue_cert("client@example.org", common_name="Smith, Jane")
        self.certificate = str(directory / "certificate.pem")
        self.authorities = str(directory / "authorities.pem")
        server.private_key_and_cert_chain_pem.write_to_path(self.certificate)
        self.authority.cert_pem.write_to_path(self.authorities)

    def client_context(self, with_certificate: bool, version: str = "TLSv1.3") -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
        self.authority.configure_trust(context)
        if with_certificate:
            self.client.configure_cert(context)
        return context

    def run(self, loop: str, *options: str) -> Any:
        pytest.importorskip(loop)
        return serve(APP, "--ssl-certfile", self.certificate, "--loop", loop, *options)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


def ask_http(server: ServerProcess, context: ssl.SSLContext, http2: bool) -> Any:
    """Send two requests on one connection, and return the extension, which must be the same for both."""
    url = server.url.replace("http", "https")
    with httpx.Client(verify=context, http2=http2, http1=not http2, timeout=PATIENCE, trust_env=False) as client:
        answers = [client.get(url).json() for _ in range(2)]
    assert [answer["http"] for answer in answers] == ["2" if http2 else "1.1"] * 2
    assert answers[0] == answers[1]
    return answers[0]["tls"]


def ask_http1(server: ServerProcess, context: ssl.SSLContext) -> Any:
    return ask_http(server, context, False)


def ask_http2(server: ServerProcess, context: ssl.SSLContext) -> Any:
    return ask_http(server, context, True)


def ask_websocket(server: ServerProcess, context: ssl.SSLContext) -> Any:
    connect = pytest.importorskip("websockets.sync.client").connect
    url = server.url.replace("http", "wss")
    with connect(url, ssl=context, proxy=None, open_timeout=PATIENCE) as websocket:
        return json.loads(websocket.recv(PATIENCE))["tls"]


ASK = pytest.mark.parametrize("ask", [ask_http1, ask_http2, ask_websocket])


@ASK
@pytest.mark.parametrize("required", ["1", "2"])
def test_a_client_with_a_certificate(files: Files, ask: Callable[..., Any], loop: str, required: str) -> None:
    options = ("--http2", "--ssl-ca-certs", files.authorities, "--ssl-cert-reqs", required)
    with files.run(loop, *options) as server:
        tls = ask(server, files.client_context(True))
        if required == "1":
            without = ask(server, files.client_context(False))
            assert (without["client_cert_chain"], without["client_cert_name"]) == ([], None)
            assert without["server_cert"] == files.server
    chain = [pem.bytes().decode() for pem in files.client.cert_chain_pems]
    assert tls.pop("client_cert_chain") == (chain if sys.version_info >= (3, 13) else chain[:1])
    subject = x509.load_pem_x509_certificate(chain[0].encode()).subject
    assert tls.pop("client_cert_name") == subject.rfc4514_string()
    assert r"CN=Smith\, Jane" in subject.rfc4514_string()
    assert VERSIONS["TLSv1.3"] == tls.pop("tls_version")
    assert tls.pop("cipher_suite") in (0x1301, 0x1302, 0x1303)
    assert tls == {"server_cert": files.server, "client_cert_error": None}


@pytest.mark.parametrize("version", VERSIONS)
def test_version_and_cipher(files: Files, version: str) -> None:
    ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    with files.run("asyncio", "--ssl-ciphers", ciphers) as server:
        tls = ask_http1(server, files.client_context(False, version))
    assert tls["tls_version"] == VERSIONS[version]
    # These are the numbers of the IANA registry.
    assert tls["cipher_suite"] in ((0xC02C, 0xC030) if version == "TLSv1.2" else (0x1301, 0x1302, 0x1303))


def test_a_certificate_that_is_not_valid_ends_the_handshake(files: Files) -> None:
    stranger = trustme.CA().issue_cert("stranger@example.org")
    context = files.client_context(False)
    stranger.configure_cert(context)
    options = ("--ssl-ca-certs", files.authorities, "--ssl-cert-reqs", "1")
    with files.run("asyncio", *options) as server:
        with pytest.raises(httpx.TransportError):
            ask_http1(server, context)
        # The server still serves other clients.
        assert ask_http1(server, files.client_context(False))["client_cert_chain"] == []


def test_there_is_no_tls_extension_in_clear_text() -> None:
    with serve(APP) as server:
        assert httpx.get(server.url, trust_env=False, timeout=PATIENCE).json()["tls"] == "missing"


def test_the_certificate_that_the_client_asked_for(files: Files, tmp_path: Path) -> None:
    other = files.authority.issue_cert("other.example")
    path = str(tmp_path / "other.pem")
    other.private_key_and_cert_chain_pem.write_to_path(path)
    with files.run("asyncio", "--ssl-certfile", path) as server:
        for name, expected in (
            ("127.0.0.1", files.server),
            ("other.example", other.cert_chain_pems[0].bytes().decode()),
        ):
            with (
                socket.create_connection((server.host, server.port), timeout=PATIENCE) as sock,
                files.client_context(False).wrap_socket(sock, server_hostname=name) as client,
            ):
                client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                received = b""
                while piece := client.recv(65536):
                    received += piece
            assert json.loads(received.partition(b"\r\n\r\n")[2])["tls"]["server_cert"] == expected


# --- The server's certificate -----------------------------------------------------------------------------------------


def test_the_certificate_of_a_context_made_by_others(files: Files, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate)
    assert get_server_certificate(context) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "a comment\n" + text,
        lambda text: text.replace("CERTIFICATE", "X509 CERTIFICATE"),
    ],
)
def test_the_first_certificate_of_the_file(change: Callable[[str], str], files: Files, tmp_path: Path) -> None:
    path = tmp_path / "changed.pem"
    path.write_bytes(change(Path(files.certificate).read_text()).encode())
    context = create_ssl_context(path, None, None, ssl.PROTOCOL_TLS_SERVER, 0, None, None)
    assert get_server_certificate(context) == files.server


def test_does_not_show_a_certificate_in_the_trusted_format_of_openssl(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "trusted.pem"
    path.write_text(Path(files.certificate).read_text().replace("CERTIFICATE", "TRUSTED CERTIFICATE"))
    context = create_ssl_context(path, None, None, ssl.PROTOCOL_TLS_SERVER, 0, None, None)
    assert get_server_certificate(context) is None


# --- What Python and OpenSSL may not know -----------------------------------------------------------------------------


class Resumed:
    """A TLS object with a resumed session: OpenSSL keeps the certificate, but not the chain."""

    def __init__(self, context: ssl.SSLContext, der: bytes) -> None:
        self.context = context
        self.der = der

    def getpeercert(self, binary_form: bool = False) -> Any:
        return self.der if binary_form else {"subject": ((("commonName", "a"),),)}

    def get_unverified_chain(self) -> list[bytes]:
        return []

    def version(self) -> str:
        return "TLSv1.9"

    def cipher(self) -> tuple[str, str, int]:
        return ("UNKNOWN", "TLSv1.9", 0)


def test_unknown_values_are_none(files: Files) -> None:
    transport = MockTransport(sslcontext=True)
    nothing = dict.fromkeys(["server_cert", "client_cert_name", "client_cert_error", "tls_version", "cipher_suite"])
    assert describe_tls(transport) == {**nothing, "client_cert_chain": []}  # type: ignore[arg-type]  # a double
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    transport._extra["ssl_object"] = Resumed(context, ssl.PEM_cert_to_DER_cert(files.server))
    assert describe_tls(transport) == {  # type: ignore[arg-type]  # as above
        **nothing,
        "client_cert_chain": [files.server],
        "client_cert_name": "CN=a",
    }


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # The examples of RFC 4514 section 4.
        (
            ((("domainComponent", "net"),), (("domainComponent", "example"),), (("userId", "jsmith"),)),
            "UID=jsmith,DC=example,DC=net",
        ),
        (
            ((("domainComponent", "net"),), (("organizationalUnitName", "Sales"), ("commonName", "J.  Smith"))),
            "OU=Sales+CN=J.  Smith,DC=net",
        ),
        (((("commonName", 'James "Jim" Smith, III'),),), r"CN=James \"Jim\" Smith\, III"),
        (((("commonName", "Before\rAfter"),),), r"CN=Before\0DAfter"),
        (((("1.3.6.1.4.1.1466.0", "Hi"),),), "1.3.6.1.4.1.1466.0=#0C024869"),
        (((("commonName", "Lu\u010di\u0107"),),), "CN=Lu\u010di\u0107"),
        # Further cases from sections 2.3, 2.4 and 3 of RFC 4514.
        (((("commonName", "#5"),), (("commonName", " a "),), (("commonName", " "),)), r"CN=\ ,CN=\ a\ ,CN=\#5"),
        (((("commonName", "a+b;c<d>e\\f\x00"),),), r"CN=a\+b\;c\<d\>e\\f\00"),
        (((("emailAddress", "a@example.org"),),), "emailAddress=a@example.org"),
        (((("1.2.3", "x" * 200),),), "1.2.3=#0C81C8" + "78" * 200),
        (((("1.2.3", "x" * 300),),), "1.2.3=#0C82012C" + "78" * 300),
        ((), ""),
    ],
)
def test_names(name: Any, text: str) -> None:
    assert format_name(name) == text


def test_the_name_equals_the_name_from_cryptography(tmp_path: Path) -> None:
    """Make a certificate with the name, and compare it with the name that OpenSSL reads from the certificate."""
    decode = getattr(pytest.importorskip("_ssl"), "_test_decode_cert", None)
    if decode is None:
        pytest.skip("Python cannot read a certificate without a connection")
    oid = x509.NameOID
    kinds = [oid.COUNTRY_NAME, oid.STATE_OR_PROVINCE_NAME, oid.LOCALITY_NAME, oid.STREET_ADDRESS]
    kinds += [oid.ORGANIZATION_NAME, oid.ORGANIZATIONAL_UNIT_NAME, oid.DOMAIN_COMPONENT, oid.USER_ID, oid.COMMON_NAME]
    values = ["DE", "a, b", "#c", " d ", "e+f", 'g"h', "example", "i\\j", "<k;l>\u20ac"]
    attributes = [x509.NameAttribute(kind, value) for kind, value in zip(kinds, values, strict=True)]
    name = x509.Name([*(x509.RelativeDistinguishedName([one]) for one in attributes[:-2])])
    name = x509.Name([*name.rdns, x509.RelativeDistinguishedName(attributes[-2:])])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    path = tmp_path / "certificate.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    written = format_name(decode(str(path))["subject"])
    # Within a relative name, the encoding determines the order.
    assert sorted(written.partition(",DC=")[0].split("+")) == sorted(
        name.rfc4514_string().partition(",DC=")[0].split("+")
    )
    assert written.partition(",DC=")[2] == name.rfc4514_string().partition(",DC=")[2]
