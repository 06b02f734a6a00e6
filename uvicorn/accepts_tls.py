"""The kinds of values that options of TLS take: numbers and names of the ssl module."""

import ssl
from collections.abc import Iterable

from uvicorn.accepts import Integer, Kind


class Number(Integer):
    """An integer out of a few, described by `expected`."""

    def __init__(self, numbers: Iterable[int], expected: str) -> None:
        super().__init__(0)
        self.numbers = frozenset(numbers)
        self.expected = expected

    def _bounded(self, value: int) -> int:
        if value in self.numbers:
            return value
        raise ValueError


class SSLVersion(Number):
    """A protocol of the ssl module that a server can speak."""

    def __init__(self) -> None:
        protocols = {name: int(getattr(ssl, name)) for name in dir(ssl) if name.startswith("PROTOCOL_")}
        del protocols["PROTOCOL_TLS_CLIENT"]
        preferred = protocols["PROTOCOL_TLS_SERVER"]
        super().__init__(protocols.values(), f"a number of Python's ssl.PROTOCOL_* ({preferred} is TLS_SERVER)")


class SSLCertReqs(Number):
    """A demand for a client certificate."""

    def __init__(self) -> None:
        super().__init__(map(int, ssl.VerifyMode), "0 (no client certificate), 1 (optional) or 2 (required)")


class SSLCiphers(Kind):
    """A list of ciphers of which OpenSSL knows at least one."""

    expected = "a list of ciphers in OpenSSL's format"
    metavar = "CIPHERS"

    def parse(self, text: str) -> str:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(text)
        except ssl.SSLError:
            raise ValueError from None
        return text
