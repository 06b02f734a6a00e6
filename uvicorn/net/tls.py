"""TLS contexts."""

import contextlib
import os
import ssl
from collections.abc import Iterator

from uvicorn.config.kinds import OptionTypeError
from uvicorn.config.table import Options

# The identifiers of HTTP/1.1 (RFC 7301 section 6) and of HTTP/2 (RFC 9113 section 3.2), in the order of preference.
ALPN_PROTOCOLS = ["http/1.1"]
ALPN_PROTOCOLS_WITH_HTTP2 = ["h2", "http/1.1"]


def create_ssl_context(
    certfile: str | os.PathLike[str],
    keyfile: str | os.PathLike[str] | None,
    password: str | None,
    ssl_version: int,
    cert_reqs: int,
    ca_certs: str | os.PathLike[str] | None,
    ciphers: str | None,
    alpn_protocols: list[str] | None = None,
) -> ssl.SSLContext:
    """Make the TLS context of a server.

    Args:
        certfile, ...: the options of these names, but for their `ssl_`; `password` is the one of the key.
        alpn_protocols: the identifiers of RFC 7301 to offer, instead of that of HTTP/1.1.

    Raises:
        OSError: a file cannot be read, or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if ssl_version == ssl.PROTOCOL_TLS_SERVER else ssl_version)
    with _naming(f"certificate {certfile!r}, key {keyfile or certfile!r}: not in PEM format, or of no such password"):
        context.load_cert_chain(certfile, keyfile, password)
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if ca_certs is not None:
        with _naming(f"authorities {ca_certs!r}: not in PEM format"):
            context.load_verify_locations(ca_certs)
    if ciphers:
        context.set_ciphers(ciphers)
    context.set_alpn_protocols(ALPN_PROTOCOLS if alpn_protocols is None else alpn_protocols)
    return context


def load_ssl_context(options: Options) -> ssl.SSLContext:
    """Make the TLS context that the options describe, or have `ssl_context_factory` make it.

    Raises:
        OptionTypeError: the factory returns something else.
        OSError: as `create_ssl_context`.
    """
    if options.ssl_context_factory is None:
        return _described_context(options)
    context = options.ssl_context_factory(options, lambda: _described_context(options))
    if not isinstance(context, ssl.SSLContext):
        raise OptionTypeError(f"ssl_context_factory must return an ssl.SSLContext, not {type(context).__name__}")
    if options.http2:
        context.set_alpn_protocols(ALPN_PROTOCOLS_WITH_HTTP2)
    return context


def _described_context(options: Options) -> ssl.SSLContext:
    if options.ssl_certfile is None:
        raise FileNotFoundError("TLS needs a certificate: ssl_certfile (--ssl-certfile) is not set")
    for name in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        path = getattr(options, name)
        if path is not None and not os.path.isfile(path):
            raise FileNotFoundError(f"{name} {path!r} does not exist")
    return create_ssl_context(
        options.ssl_certfile,
        options.ssl_keyfile,
        options.ssl_keyfile_password,
        options.ssl_version,
        options.ssl_cert_reqs,
        options.ssl_ca_certs,
        options.ssl_ciphers,
        ALPN_PROTOCOLS_WITH_HTTP2 if options.http2 else ALPN_PROTOCOLS,
    )


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Name what OpenSSL complains of, which does not."""
    try:
        yield
    except ssl.SSLError as exc:
        raise ssl.SSLError(exc.errno, f"{what} ({exc.reason or exc.strerror})") from exc
