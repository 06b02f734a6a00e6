"""Describes the TLS of a connection for applications (ASGI specification, TLS extension)."""

import asyncio
import re
import ssl
from collections.abc import Iterable
from typing import Any

from uvicorn.net.tls import get_server_certificate

# Names of OpenSSL -> numbers of RFC 8446 section 4.2.1 and RFC 5246 section 6.2.1.
_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# Names of OpenSSL -> numbers of ciphers, as far as they have been looked up.
_cipher_suites: dict[str, int] = {}

# Short names of attribute types (RFC 4514 section 3). Other types have the names of OpenSSL.
_TYPES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
# Characters that are escaped (RFC 4514 section 2.4). Control characters need not be, but they could disturb a log.
_SPECIAL = re.compile(r'[",+;<>\\]|^[ #]| \Z')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UTF8_STRING = 0x0C


def describe_tls(transport: asyncio.BaseTransport) -> dict[str, Any]:
    """Make the value of `scope["extensions"]["tls"]`.

    `client_cert_error` is always None, because a client certificate that is not valid ends the handshake.
    """
    tls = transport.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    return {
        "server_cert": None if tls is None else get_server_certificate(tls.context),
        "client_cert_chain": [] if certificate is None else _get_client_chain(tls, certificate),
        "client_cert_name": None if certificate is None else format_name(tls.getpeercert().get("subject", ())),
        "client_cert_error": None,
        "tls_version": None if tls is None else _VERSIONS.get(tls.version()),
        "cipher_suite": None if tls is None else _get_cipher_suite(tls),
    }


def _get_client_chain(tls: Any, certificate: bytes) -> list[str]:
    # Since Python 3.13, the rest of the chain is available. In a resumed session, OpenSSL has only the certificate.
    get_chain = getattr(tls, "get_unverified_chain", list)
    chain: list[bytes] = get_chain() or [certificate]
    return [ssl.DER_cert_to_PEM_cert(one) for one in chain]


def _get_cipher_suite(tls: Any) -> int | None:
    name = tls.cipher()[0]
    if name not in _cipher_suites:
        # The lower 16 bits are the number of the cipher. OpenSSL uses the others for the version of TLS.
        _cipher_suites.update((one["name"], one["id"] & 0xFFFF) for one in tls.context.get_ciphers())
    return _cipher_suites.get(name)


def format_name(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Format a distinguished name, as `getpeercert` returns it, as a string (RFC 4514)."""
    return ",".join(reversed(["+".join(_format_attribute(*attribute) for attribute in relative) for relative in name]))


def _format_attribute(kind: str, value: str) -> str:
    if kind[0].isdigit():
        # The type is an object identifier. Then the value is its BER encoding in hexadecimal digits.
        return f"{kind}=#{_encode(value.encode()).hex().upper()}"
    value = _CONTROL.sub(_escape_control, _SPECIAL.sub(r"\\\g<0>", value))
    return f"{_TYPES.get(kind, kind)}={value}"


def _escape_control(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):02X}"


def _encode(value: bytes) -> bytes:
    """Encode a string in BER (ITU-T X.690 section 8.1)."""
    length = len(value)
    if length < 128:
        return bytes((_UTF8_STRING, length)) + value
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((_UTF8_STRING, 0x80 | len(digits))) + digits + value
