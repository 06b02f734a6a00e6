"""TLS contexts."""

import os
import ssl
from typing import Final

# RFC 7301, section 6: the identifier of HTTP/1.1.
ALPN_PROTOCOLS: Final = ["http/1.1"]


def create_ssl_context(
    certfile: str | os.PathLike[str],
    keyfile: str | os.PathLike[str] | None,
    password: str | None,
    ssl_version: int,
    cert_reqs: int,
    ca_certs: str | os.PathLike[str] | None,
    ciphers: str | None,
) -> ssl.SSLContext:
    """Make the TLS context of a server.

    Args:
        certfile: the certificate chain, in PEM format; it may hold the private key too.
        keyfile: the private key, in PEM format.
        password: what the key is encrypted with.
        ssl_version: a number of `ssl.PROTOCOL_*`.
        cert_reqs: a number of `ssl.CERT_*`.
        ca_certs: the authorities that client certificates are verified against, in PEM format.
        ciphers: a list in OpenSSL's format; OpenSSL's own where there is none.

    Raises:
        OSError: a file cannot be read, or is not what it should be (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if ssl_version == ssl.PROTOCOL_TLS_SERVER else ssl_version)
    context.load_cert_chain(certfile, keyfile, password)
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if ca_certs is not None:
        context.load_verify_locations(ca_certs)
    if ciphers:
        context.set_ciphers(ciphers)
    context.set_alpn_protocols(ALPN_PROTOCOLS)
    return context
