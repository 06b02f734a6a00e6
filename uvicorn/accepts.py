"""The kinds of values that options take: as text on the command line, as objects in Python."""

import math
import os
import re
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

# The words that command lines take for a boolean, as click has them.
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})

# RFC 9110, sections 5.1 and 5.6.2: a field name is a token.
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, section 5.5: visible characters, spaces and tabs; Latin-1 is what an `str` header is encoded as.
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# listen(2) and descriptors take a C int.
INT_MAX: Final = 2**31 - 1


class OptionError(ValueError):
    """An option has a value that it does not accept; the message names both."""


class OptionTypeError(OptionError, TypeError):
    """An option has a value of a type that it does not accept."""


class Kind:
    """A kind of values.

    Attributes:
        expected: what is accepted, a phrase that ends "... must be".
        metavar: the placeholder in `--help`.
        separator: what separates several values in an environment variable; None stands for white space.
    """

    expected: str
    metavar: str
    separator: str | None = None

    def parse(self, text: str) -> Any:
        """Return the value that `text` means, or raise ValueError."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """Return the value that an object means, or raise ValueError or TypeError; text means what it does to parse."""
        if isinstance(value, str):
            return self.parse(value)
        raise TypeError


class Text(Kind):
    """Any text."""

    def __init__(self, expected: str = "a string", metavar: str = "TEXT") -> None:
        self.expected = expected
        self.metavar = metavar

    def parse(self, text: str) -> str:
        return text


class Host(Text):
    """An address to bind; None is what sockets mean by the empty string, all interfaces."""

    def __init__(self) -> None:
        super().__init__("a host name or an IP address", "HOST")

    def check(self, value: Any) -> Any:
        return "" if value is None else super().check(value)


class Flag(Kind):
    """A boolean."""

    expected = "a boolean: true or false, yes or no, on or off, 1 or 0"
    metavar = "BOOLEAN"

    def parse(self, text: str) -> bool:
        word = text.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError

    def check(self, value: Any) -> Any:
        # None is false: `reload=None` has always meant no reload.
        if value is None or isinstance(value, int):
            return bool(value)
        return super().check(value)


class Integer(Kind):
    """An integer from `least` to `most`, both included."""

    metavar = "INTEGER"

    def __init__(self, least: int, most: int | None = None, unit: str = "") -> None:
        self.least = least
        self.most = most
        number = f"a number of {unit}" if unit else "an integer"
        self.expected = f"{number}, at least {least}" if most is None else f"{number} from {least} to {most}"

    def parse(self, text: str) -> int:
        return self._bounded(int(text))

    def check(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._bounded(value)
        return super().check(value)

    def _bounded(self, value: int) -> int:
        if value < self.least or (self.most is not None and value > self.most):
            raise ValueError
        return value


class Seconds(Kind):
    """A duration; zero is one, unless it is refused, or switches off what has no other switch on the command line."""

    metavar = "SECONDS"

    def __init__(self, zero: bool = True, zero_is_off: bool = False) -> None:
        self.zero = zero
        self.zero_is_off = zero_is_off
        self.expected = "a number of seconds, " + ("at least 0" if zero else "more than 0")
        if zero_is_off:
            self.expected += " (0 turns it off)"

    def parse(self, text: str) -> int | float:
        try:
            return self._bounded(int(text))
        except ValueError:
            return self._bounded(float(text))

    def check(self, value: Any) -> Any:
        if value is None and self.zero_is_off:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = self._bounded(value)
        else:
            seconds = super().check(value)
        return None if seconds == 0 and self.zero_is_off else seconds

    def _bounded(self, value: int | float) -> int | float:
        if not math.isfinite(value) or value < 0 or (value == 0 and not self.zero):
            raise ValueError
        return value


class Choice(Kind):
    """One of several names, in any case."""

    def __init__(self, names: Iterable[str], hidden: Sequence[str] = ()) -> None:
        self.names = list(names)
        shown = [name for name in self.names if name not in hidden]
        self.expected = "one of " + ", ".join(shown)
        self.metavar = "[" + "|".join(shown) + "]"

    def parse(self, text: str) -> str:
        name = text.lower()
        if name in self.names:
            return name
        raise ValueError


class ChoiceOrImport(Choice):
    """One of several names, an import string, or in Python the object itself: `what` is the placeholder's last part."""

    def __init__(self, names: Iterable[str], what: str, hidden: Sequence[str] = ()) -> None:
        super().__init__(names, hidden)
        self.expected += f" or module:{what}"
        self.metavar = self.metavar[:-1] + f"|module:{what}]"

    def parse(self, text: str) -> str:
        module, _, attribute = text.partition(":")
        return text if module and attribute else super().parse(text)

    def check(self, value: Any) -> Any:
        return value if callable(value) else super().check(value)


class LogLevel(Choice):
    """The name of a level; in Python its number too."""

    def check(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return super().check(value)


class Path(Kind):
    """A path. What must exist is looked for when the command line is read; in Python, where it is used."""

    separator: str | None = os.pathsep

    def __init__(self, what: str, exists: Callable[[str], bool] | None = None, metavar: str = "PATH") -> None:
        self.exists = exists
        self.expected = what if exists is None else f"{what} that exists"
        self.metavar = metavar

    def parse(self, text: str) -> str:
        if self.exists is not None and not self.exists(text):
            raise ValueError
        return text

    def check(self, value: Any) -> Any:
        path = os.fspath(value)
        if isinstance(path, str):
            return path
        raise TypeError


class Pattern(Path):
    """A glob pattern."""

    separator = None

    def __init__(self) -> None:
        super().__init__("a glob pattern", metavar="PATTERN")


class ExistingFile(Path):
    """The path of a file that exists."""

    def __init__(self) -> None:
        super().__init__("a file", os.path.isfile, "FILE")


class ExistingDirectory(Path):
    """The path of a directory that exists; the empty one is the current directory."""

    def __init__(self) -> None:
        super().__init__("a directory", lambda path: not path or os.path.isdir(path), "DIRECTORY")


class LogConfig(ExistingFile):
    """A logging configuration: a file, or in Python also a dict, a `RawConfigParser` or an open file."""

    def check(self, value: Any) -> Any:
        if value is None or isinstance(value, dict) or hasattr(value, "sections") or hasattr(value, "readline"):
            return value
        return super().check(value)


class Header(Kind):
    """A header field: `NAME:VALUE`, in Python a pair of strings."""

    expected = "a header NAME:VALUE, its name a token and its value without control characters"
    metavar = "NAME:VALUE"

    def parse(self, text: str) -> tuple[str, str]:
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError
        # RFC 9112, section 5: white space around a field value is no part of it.
        return self._grammatical(name, value.strip(" \t"))

    def check(self, value: Any) -> Any:
        if isinstance(value, str):
            raise TypeError
        name, text = value
        if isinstance(name, str) and isinstance(text, str):
            return self._grammatical(name, text)
        raise TypeError

    def _grammatical(self, name: str, value: str) -> tuple[str, str]:
        if _FIELD_NAME.fullmatch(name) and _FIELD_VALUE.fullmatch(value):
            return name, value
        raise ValueError


class TrustedHosts(Kind):
    """What `--forwarded-allow-ips` lists: addresses, networks, and other literals such as the names of socket peers."""

    expected = "a comma-separated list of addresses, CIDR networks and literals, or *"
    metavar = "LIST"

    def parse(self, text: str) -> str:
        for host in text.split(","):
            self._network(host.strip())
        return text

    def check(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            for host in value:
                self.check(host)
            return list(value)
        return super().check(value)

    def _network(self, host: str) -> None:
        """Refuse what begins as a network and is none: taken as a literal it would silently trust nobody."""
        address, slash, _ = host.partition("/")
        if slash:
            import ipaddress

            try:
                ipaddress.ip_address(address)
            except ValueError:
                return
            ipaddress.ip_network(host)


class Callback(Kind):
    """A callable; only Python code has one."""

    metavar = "CALLABLE"

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def check(self, value: Any) -> Any:
        if callable(value):
            return value
        raise TypeError


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
