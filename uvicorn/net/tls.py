"""TLS contexts, and the certificates of a server.

The event loop gets one context for all connections. At the beginning of each handshake, OpenSSL calls a callback (SNI,
RFC 6066, section 3), which can choose another context: the one for the host name that the client asks for, or the one
with reloaded certificates. Session tickets always belong to the first context.
"""

import base64
import logging
import os
import re
import ssl
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.config.kinds import OptionTypeError
from uvicorn.config.table import Options

# The identifiers of HTTP/1.1 (RFC 7301 section 6) and of HTTP/2 (RFC 9113 section 3.2), in the order of preference.
ALPN_PROTOCOLS = ["http/1.1"]
ALPN_PROTOCOLS_WITH_HTTP2 = ["h2", "http/1.1"]

logger = logging.getLogger("uvicorn.error")

# A certificate in PEM format (RFC 7468 section 5). OpenSSL also accepts the old label with X509.
_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.+?)-----END ", re.DOTALL)

# Context -> its certificate. Python cannot read it from the context.
_certificates: "WeakKeyDictionary[ssl.SSLContext, str]" = WeakKeyDictionary()


def create_ssl_context(
    certfile: str | os.PathLike[str],
    keyfile: str | os.PathLike[str] | None,
    password: Any,
    ssl_version: int,
    cert_reqs: int,
    ca_certs: str | os.PathLike[str] | None,
    ciphers: str | None,
    alpn_protocols: list[str] | None = None,
    min_version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """Make the TLS context of a server.

    Args:
        certfile, ...: the options of these names without `ssl_`. `password` is the password of the key.
        alpn_protocols: the protocols to offer by ALPN (RFC 7301); by default only HTTP/1.1.

    Raises:
        OSError: a file cannot be read, or is not what it should be.
    """
    alpn_protocols = ALPN_PROTOCOLS if alpn_protocols is None else alpn_protocols
    context = _bare_context(ssl_version, cert_reqs, ca_certs, ciphers, alpn_protocols, min_version)
    _load_certificate(context, certfile, keyfile, password)
    return context


def _bare_context(
    ssl_version: int,
    cert_reqs: int,
    ca_certs: str | os.PathLike[str] | None,
    ciphers: str | None,
    alpn_protocols: list[str],
    min_version: ssl.TLSVersion | None,
) -> ssl.SSLContext:
    """Make a context without a certificate. The arguments are those of `create_ssl_context`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if ssl_version == ssl.PROTOCOL_TLS_SERVER else ssl_version)
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if min_version is not None:
        try:
            context.minimum_version = min_version
        except ValueError:
            raise OSError(f"--ssl-min-version needs --ssl-version {ssl.PROTOCOL_TLS_SERVER:d}") from None
    if ca_certs is not None:
        try:
            context.load_verify_locations(ca_certs)
        except ssl.SSLError as exc:
            message = f"--ssl-ca-certs {ca_certs}: there is no certificate in PEM format in this file"
            raise ssl.SSLError(exc.errno, message) from exc
        except OSError as exc:
            raise OSError(exc.errno, f"{ca_certs} cannot be read: {exc.strerror}") from None
    if ciphers:
        context.set_ciphers(ciphers)
    context.set_alpn_protocols(alpn_protocols)
    return context


def _load_certificate(
    context: ssl.SSLContext, certfile: str | os.PathLike[str], keyfile: str | os.PathLike[str] | None, password: Any
) -> None:
    """Load a certificate into a context, and remember it for `get_server_certificate`."""
    try:
        context.load_cert_chain(certfile, keyfile, password)
    except ssl.SSLError as exc:
        raise ssl.SSLError(exc.errno, _describe_failure(certfile, keyfile, exc)) from exc
    except OSError as exc:  # It does not name the file.
        unreadable = next((path for path in (certfile, keyfile) if path and not os.access(path, os.R_OK)), certfile)
        raise OSError(exc.errno, f"{unreadable} cannot be read: {exc.strerror}") from None
    with open(certfile, "rb") as file:
        # The first certificate is that of the server. The key may be before it.
        match = _CERTIFICATE.search(file.read())
    if match is not None:
        _certificates[context] = ssl.DER_cert_to_PEM_cert(base64.decodebytes(match[1]))


def _describe_failure(
    certfile: str | os.PathLike[str], keyfile: str | os.PathLike[str] | None, error: ssl.SSLError
) -> str:
    """Say why a certificate cannot be loaded.

    The error of OpenSSL has neither the file nor, in most cases, the reason.
    """
    if not _has_label(certfile, b"CERTIFICATE"):
        return f"--ssl-certfile {certfile}: there is no certificate in PEM format in this file"
    if keyfile is None and not _has_label(certfile, b"PRIVATE KEY"):
        return f"--ssl-certfile {certfile}: there is no private key in this file; --ssl-keyfile names another one"
    key = f"--ssl-keyfile {keyfile}" if keyfile is not None else f"--ssl-certfile {certfile}"
    if not _has_label(keyfile or certfile, b"PRIVATE KEY"):
        return f"{key}: there is no private key in PEM format in this file"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key}: the private key does not belong to the certificate in {certfile}"
    if _has_label(keyfile or certfile, b"ENCRYPTED"):
        return f"{key}: the private key is encrypted, and --ssl-keyfile-password is not its password"
    return f"{key}: not in PEM format ({error.reason or error.strerror})"


def _has_label(path: str | os.PathLike[str], label: bytes) -> bool:
    """Whether a file has a part in PEM format with these words in its label, or in its header about encryption."""
    with open(path, "rb") as file:
        return re.search(rb"^(?:-----BEGIN |Proc-Type: ).*" + label, file.read(), re.MULTILINE) is not None


def get_server_certificate(context: ssl.SSLContext) -> str | None:
    """The certificate of a context, in PEM format. None if other code has loaded it."""
    return _certificates.get(context)


def load_ssl_context(options: Options) -> ssl.SSLContext:
    """Make the TLS context for the options, or let `ssl_context_factory` make it.

    Raises:
        OptionTypeError: the factory does not return a context.
        OSError: as `create_ssl_context`.
    """
    if options.ssl_context_factory is None:
        return Certificates(options).context
    context = options.ssl_context_factory(options, lambda: Certificates(options).context)
    if not isinstance(context, ssl.SSLContext):
        raise OptionTypeError(f"ssl_context_factory must return an ssl.SSLContext, not {type(context).__name__}")
    if options.http2:
        context.set_alpn_protocols(ALPN_PROTOCOLS_WITH_HTTP2)
    return context


def create_shared_context(options: Options) -> ssl.SSLContext:
    """Make a context without certificates, for the `Certificates` of processes that are forked from this one.

    The processes inherit the keys of its session tickets, so a client can resume a session with another process.

    Raises:
        OSError: as `create_ssl_context`.
    """
    return _bare_context(*_common_arguments(options))


def _common_arguments(options: Options) -> tuple[Any, ...]:
    return (
        options.ssl_version,
        options.ssl_cert_reqs,
        options.ssl_ca_certs,
        options.ssl_ciphers,
        ALPN_PROTOCOLS_WITH_HTTP2 if options.http2 else ALPN_PROTOCOLS,
        options.ssl_min_version,
    )


class Certificates:
    """The certificates of the options. They are loaded again when their files change.

    Args:
        options: the options about TLS.
        context: a context without a certificate, for the event loop. By default, the context of the first certificate.

    Attributes:
        context: the context for the event loop.

    Raises:
        OSError: as `create_ssl_context`.
    """

    def __init__(self, options: Options, context: ssl.SSLContext | None = None) -> None:
        self._options = options
        self._pairs = _pair_files(options)
        self._signatures = self._sign()
        self._load(options.ssl_keyfile_password)
        self.context = self._default if context is None else context
        self.context.sni_callback = self._choose

    def _load(self, password: Any) -> None:
        contexts = [_described_context(self._options, *pair, password) for pair in self._pairs]
        names: dict[str, ssl.SSLContext] = {}
        if len(contexts) > 1:
            for (certfile, _), context in zip(self._pairs, contexts, strict=True):
                for name in _names_of(certfile):
                    names.setdefault(name, context)
        self._default, self._names = contexts[0], names

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """The callback of OpenSSL for SNI. The name is None if the client has not sent one."""
        chosen = self._default
        if self._names and name is not None:
            name = name.lower()
            wildcard = "*." + name.partition(".")[2]
            chosen = self._names.get(name) or self._names.get(wildcard) or chosen
        if chosen is not context:
            connection.context = chosen

    def reload(self) -> None:
        """Read the files again; if they cannot be used, the certificates stay."""
        self._signatures = self._sign()
        try:
            # Without a password, OpenSSL would ask for one at the terminal.
            self._load(self._options.ssl_keyfile_password or "")
        except (OSError, ValueError) as exc:
            logger.error("The certificates cannot be reloaded, the old ones stay in use: %s", exc)
        else:
            logger.info("The certificates have been reloaded.")

    def reload_if_changed(self) -> None:
        """Call `reload` if a file has changed since it was read."""
        if self._sign() != self._signatures:
            self.reload()

    def _sign(self) -> list[Any]:
        """Time, size and inode of each file, to notice changes."""
        signatures: list[Any] = []
        for path in (*(path for pair in self._pairs for path in pair), self._options.ssl_ca_certs):
            try:
                found = os.stat(path) if path is not None else None
            except OSError:
                found = None
            signatures.append(found and (found.st_mtime_ns, found.st_size, found.st_ino))
        return signatures


def _pair_files(options: Options) -> "list[tuple[str, str | None]]":
    """The files of each certificate and its key. The key is None if it is in the same file."""
    certfiles, keyfiles = (_as_list(getattr(options, name)) for name in ("ssl_certfile", "ssl_keyfile"))
    if not certfiles:
        raise FileNotFoundError("ssl_certfile is missing: TLS needs a certificate")
    if keyfiles and len(keyfiles) != len(certfiles):
        raise OSError(
            f"--ssl-keyfile must be given once for each --ssl-certfile, in the same order, or not at all: "
            f"there are {len(certfiles)} certificates and {len(keyfiles)} keys"
        )
    return list(zip(certfiles, keyfiles or [None] * len(certfiles), strict=True))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _described_context(options: Options, certfile: str, keyfile: str | None, password: Any) -> ssl.SSLContext:
    for name, path in (("ssl_certfile", certfile), ("ssl_keyfile", keyfile), ("ssl_ca_certs", options.ssl_ca_certs)):
        if path is not None and not os.path.isfile(path):
            raise FileNotFoundError(f"{name} {path!r} does not exist")
    return create_ssl_context(certfile, keyfile, password, *_common_arguments(options))


def _names_of(certfile: str) -> list[str]:
    """The DNS names in the subjectAltName of a certificate (RFC 6125, section 6.4)."""
    # Python has no public function that decodes a certificate in a file. All versions and PyPy have this one.
    decoded: Any = ssl._ssl._test_decode_cert(certfile)  # type: ignore[attr-defined]
    return [name.lower() for kind, name in decoded.get("subjectAltName", ()) if kind == "DNS"]
