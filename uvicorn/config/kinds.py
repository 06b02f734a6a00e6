"""The kinds of values that options have. Values come as text, from the command line, or as objects, from Python."""

import math
import os
import re
import ssl
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from uvicorn.net.bind import LAST_PORT, bind_to

# The words for booleans that click accepts.
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})

# RFC 9110, sections 5.1 and 5.6.2: a field name is a token.
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, section 5.5: visible characters, spaces and tabs, in Latin-1.
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# The largest C int, which listen(2) and descriptors use.
INT_MAX = 2**31 - 1


class OptionError(ValueError):
    """The value of an option is not valid."""


class OptionTypeError(OptionError, TypeError):
    """The value of an option has a wrong type."""


class Kind:
    """The base of the kinds.

    Attributes:
        expected: what values are valid, in words. It follows "must be" in errors.
        metavar: the placeholder in `--help`.
        separator: what separates several values in an environment variable; None means white space.
    """

    expected: str
    metavar: str
    separator: str | None = None

    def parse(self, text: str) -> Any:
        """Convert a text. Raises ValueError if it is not valid."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """Check a value that was given as an object or as text, and convert it.

        Raises:
            ValueError: the value is not valid.
            TypeError: its type is wrong. If None is not a value of this kind, None raises this too, and the option gets
                its default.
        """
        if isinstance(value, str):
            return self.parse(value)
        raise TypeError

    def read(self, value: Any) -> Any:
        """Check a value from the command line or a configuration file. Files and directories must exist."""
        return self.parse(value) if isinstance(value, str) else self.check(value)

    def hint(self, value: Any) -> str:
        """Return a sentence that says what to give instead of the refused `value`, or an empty string."""
        return ""


class Text(Kind):
    expected = "a string"
    metavar = "TEXT"

    def parse(self, text: str) -> str:
        return text


class Host(Text):
    """A host to bind. None and the empty string mean all interfaces."""

    expected = "a host name or an IP address"
    metavar = "HOST"

    def check(self, value: Any) -> Any:
        return "" if value is None else super().check(value)


class Address(Text):
    """An address to listen on, for `uvicorn.net.bind.bind_to`."""

    expected = "host:port, [IPv6]:port, unix:PATH, fd:N, systemd or systemd:NAME"
    metavar = "ADDRESS"

    def parse(self, text: str) -> str:
        bind_to(text)
        return text

    def hint(self, value: Any) -> str:
        text = str(value).partition("://")[2].rstrip("/") or str(value)
        if text.startswith(("/", "./")):
            return f"Did you mean unix:{text}?"
        if text.isdecimal():
            return f"Did you mean 127.0.0.1:{text}?"
        host, _, port = text.rpartition(":")
        if not port.isdecimal() or "/" in host:
            return ""
        if len(port) > len(str(LAST_PORT)) or int(port) > LAST_PORT:
            return f"The last port is {LAST_PORT}."
        meant = f"[{host.strip('[]')}]:{port}" if ":" in host else text
        return f"Did you mean {meant}?" if meant != value else ""


class FileMode(Kind):
    """Permissions of a file, as octal text, or in Python as a number."""

    expected = "an octal number from 0 to 777"
    metavar = "OCTAL"

    def parse(self, text: str) -> int:
        return self._allowed(int(text, 8))

    def check(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._allowed(value)
        return super().check(value)

    def _allowed(self, mode: int) -> int:
        if 0 <= mode <= 0o777:
            return mode
        raise ValueError


class Password(Text):
    """A password for `ssl.SSLContext.load_cert_chain`. It is never shown."""

    def check(self, value: Any) -> Any:
        return value if isinstance(value, bytes | bytearray) or callable(value) else super().check(value)


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
        # None means False: programs pass `reload=None`.
        if value is None or isinstance(value, int):
            return bool(value)
        return super().check(value)


class Number(Kind):
    """A number. A boolean is refused, although it is an integer in Python.

    Attributes:
        zero_is_off: whether zero, or None in Python, switches something off. The value of the option is then None.
    """

    metavar = "INTEGER"
    types: tuple[type, ...] = (int,)
    numbers: Container[int] = ()
    zero_is_off = False

    def parse(self, text: str) -> Any:
        return self._allowed(int(text))

    def check(self, value: Any) -> Any:
        if value is None and self.zero_is_off:
            return None
        number = self._check_number(value)
        return None if number == 0 and self.zero_is_off else number

    def _check_number(self, value: Any) -> Any:
        # Some programs compute numbers, and pass floats such as 8000.0.
        if isinstance(value, float) and float not in self.types and value.is_integer():
            value = int(value)
        if isinstance(value, self.types) and not isinstance(value, bool):
            return self._allowed(value)
        return super().check(value)

    def _allowed(self, value: Any) -> Any:
        if self.allows(value):
            return value
        raise ValueError

    def allows(self, value: Any) -> bool:
        return value in self.numbers


class Integer(Number):
    """An integer.

    Args:
        least: the least valid number.
        most: the greatest valid number; None without a limit.
        unit: what is counted, for errors.
        zero: what zero means, if it switches something off.
    """

    def __init__(self, least: int, most: int | None = None, unit: str = "", zero: str = "") -> None:
        self.least = least
        self.most = most
        self.zero_is_off = bool(zero)
        number = f"a number of {unit}" if unit else "an integer"
        self.expected = f"{number}, at least {least}" if most is None else f"{number} from {least} to {most}"
        if zero:
            self.expected += f" (0: {zero})"

    def allows(self, value: Any) -> bool:
        return value >= self.least and (self.most is None or value <= self.most)


class Bytes(Integer):
    """A number of bytes, as text with or without a unit. Zero switches something off."""

    metavar = "BYTES"
    _units: ClassVar = {"k": 2**10, "m": 2**20, "g": 2**30}

    def __init__(self, zero: str) -> None:
        super().__init__(0, zero=zero)
        self.expected = f"a number of bytes, or of K, M or G such as 512M (0: {zero})"

    def parse(self, text: str) -> Any:
        unit = self._units.get(text[-1:].lower())
        number = super().parse(text if unit is None else text[:-1])
        return number if unit is None else number * unit


class Seconds(Number):
    """A duration in seconds.

    Args:
        zero: whether zero is valid.
        zero_is_off: whether zero switches something off.
    """

    metavar = "SECONDS"
    types = (int, float)

    def __init__(self, zero: bool = True, zero_is_off: bool = False) -> None:
        self.zero = zero
        self.zero_is_off = zero_is_off
        self.expected = "a number of seconds, " + ("at least 0" if zero else "more than 0")
        if zero_is_off:
            self.expected += " (0 turns it off)"

    def parse(self, text: str) -> Any:
        try:
            return super().parse(text)
        except ValueError:
            return self._allowed(float(text))

    def allows(self, value: Any) -> bool:
        return math.isfinite(value) and (value > 0 or (value == 0 and self.zero))


class Choice(Kind):
    """One of several names, in upper or lower case."""

    def __init__(self, names: Iterable[str], hidden: Sequence[str] = ()) -> None:
        self.names = list(names)
        self.shown = [name for name in self.names if name not in hidden]
        self.expected = "one of " + ", ".join(self.shown)
        self.metavar = "[" + "|".join(self.shown) + "]"

    def parse(self, text: str) -> str:
        name = text.lower()
        if name in self.names:
            return name
        raise ValueError

    def hint(self, value: Any) -> str:
        import difflib  # the import takes a millisecond, and only errors need it

        close = difflib.get_close_matches(str(value).lower(), self.shown, 1)
        return f"Did you mean {close[0]!r}?" if close else ""


class Version(Choice):
    """One of several versions. A float is converted to text."""

    def check(self, value: Any) -> Any:
        return super().check(str(value) if isinstance(value, float) else value)


class ChoiceOrImport(Choice):
    """One of several names, an import string, or in Python the object itself.

    Args:
        names: the valid names. If "none" is one of them, None in Python means the same.
        what: what an import string names, for errors.
        hidden: names that are valid, but not shown.
        absent: names that are not valid -> a sentence that says so.
    """

    def __init__(
        self, names: Iterable[str], what: str, hidden: Sequence[str] = (), absent: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(names, hidden)
        self.absent = absent or {}
        self.expected += f" or module:{what}"
        self.metavar = self.metavar[:-1] + f"|module:{what}]"

    def parse(self, text: str) -> str:
        module, _, attribute = text.partition(":")
        return text if module and attribute else super().parse(text)

    def check(self, value: Any) -> Any:
        if value is None and "none" in self.names:
            return "none"
        return value if callable(value) else super().check(value)

    def hint(self, value: Any) -> str:
        return self.absent.get(str(value).lower()) or super().hint(value)


class Loop(ChoiceOrImport):
    """An event loop. Every value is accepted, because some programs pass the loop that they run themselves.

    `Config.get_loop_factory` checks the value.
    """

    def parse(self, text: str) -> str:
        try:
            return super().parse(text)
        except ValueError:
            return text

    def check(self, value: Any) -> Any:
        return super().check(value) if value is None or isinstance(value, str) else value


class LogLevel(Choice):
    """The name of a log level; in Python also its number."""

    def check(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return super().check(value)


class Path(Text):
    """A path. In Python, it is checked only when it is used."""

    expected = "a path"
    metavar = "PATH"
    separator: str | None = os.pathsep

    def check(self, value: Any) -> Any:
        path = os.fspath(value)
        if isinstance(path, str):
            return path
        raise TypeError


class Pattern(Path):
    expected = "a glob pattern"
    metavar = "PATTERN"
    separator = None


class ExistingFile(Path):
    expected = "a file that exists"
    metavar = "FILE"

    def parse(self, text: str) -> str:
        if os.path.isfile(text):
            return text
        raise ValueError


class ExistingDirectory(Path):
    """A directory. The empty string means the current directory."""

    expected = "a directory that exists"
    metavar = "DIRECTORY"

    def parse(self, text: str) -> str:
        if not text or os.path.isdir(text):
            return text
        raise ValueError


class LogConfig(ExistingFile):
    """The file of a logging configuration; in Python also a dict, a `RawConfigParser` or an open file."""

    def read(self, value: Any) -> Any:
        if isinstance(value, dict):
            raise TypeError
        return super().read(value)

    def check(self, value: Any) -> Any:
        if value is None or isinstance(value, dict) or hasattr(value, "sections") or hasattr(value, "readline"):
            return value
        return super().check(value)


class LineFormat(Choice):
    """The name of a format of log lines, or a format with placeholders."""

    def __init__(self, names: Iterable[str], example: str) -> None:
        super().__init__(names)
        self.expected += f" or a format with placeholders such as {example}"
        self.metavar = self.metavar[:-1] + "|FORMAT]"

    def parse(self, text: str) -> str:
        if "%" not in text:
            return super().parse(text)
        self.check_format(text)
        return text

    def check_format(self, text: str) -> None:
        """Check a format. Raises ValueError that says what is wrong and what is valid."""
        raise NotImplementedError  # pragma: no cover - every subclass overrides it

    def hint(self, value: Any) -> str:
        if "%" not in str(value):
            return super().hint(value)
        try:
            self.check_format(value)
        except ValueError as exc:
            return str(exc)
        raise AssertionError("the format is valid")


class AccessLogFormat(LineFormat):
    """A format of access lines."""

    def check_format(self, text: str) -> None:
        from uvicorn.access_format import KNOWN, compile_format  # imported here, because most servers use the default

        try:
            compile_format(text)
        except ValueError as exc:
            raise ValueError(f"{exc}. The atoms are {KNOWN}") from None


class LogFormat(LineFormat):
    """A format of the log lines of the server."""

    def check_format(self, text: str) -> None:
        from uvicorn.logging import check_log_format  # imported here, because that module imports this one

        check_log_format(text)


class Header(Kind):
    expected = "a header NAME:VALUE, its name a token and its value without control characters"
    metavar = "NAME:VALUE"

    def parse(self, text: str) -> tuple[str, str]:
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError
        # White space around a field value does not belong to it (RFC 9112 section 5).
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


class Buckets(Kind):
    """Upper bounds of the buckets of a histogram, in seconds."""

    expected = "a comma-separated list of 1 to 64 numbers of seconds, ascending and more than 0"
    metavar = "LIST"

    def parse(self, text: str) -> str:
        self.check(text)
        return text

    def check(self, value: Any) -> tuple[float, ...]:
        from uvicorn._speedups.metric_cells import (
            BUCKETS_MAX,
        )  # imported here, so that UVICORN_SPEEDUPS can still be set

        if isinstance(value, str):
            value = [float(number) for number in value.split(",")]
        if not isinstance(value, list | tuple):
            raise TypeError
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
            raise TypeError
        bounds = tuple(map(float, value))
        ascends = all(lower < upper for lower, upper in zip((0.0, *bounds), bounds, strict=False))
        if not (ascends and 1 <= len(bounds) <= BUCKETS_MAX and math.isfinite(bounds[-1])):
            raise ValueError
        return bounds


class TrustedHosts(Kind):
    """The trusted proxies."""

    expected = "a comma-separated list of addresses, CIDR networks and literals, or *"
    metavar = "LIST"

    def parse(self, text: str) -> str:
        for host in text.split(","):
            network(host.strip())
        return text

    def check(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            for host in value:
                self.check(host)
            return list(value)
        return super().check(value)

    def hint(self, value: Any) -> str:
        wrong = next((host.strip() for host in str(value).split(",") if not self._is_right(host.strip())), "")
        try:
            return f"Did you mean {network(wrong, strict=False)}?"
        except ValueError:
            return ""

    def _is_right(self, host: str) -> bool:
        try:
            network(host)
        except ValueError:
            return False
        return True


def network(host: str, strict: bool = True) -> Any:
    """Parse an IP network.

    A text that begins like a network, but is not one, is an error. As a literal, it would not match any proxy.

    Args:
        host: a trusted proxy.
        strict: whether host bits, as in 10.0.0.1/8, are an error.

    Returns:
        The network; None if the text is not a network.

    Raises:
        ValueError: the network is not valid.
    """
    address, slash, _ = host.partition("/")
    if not slash:
        return None
    import ipaddress  # the import takes two milliseconds, and few options have a network

    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    return ipaddress.ip_network(host, strict)


class Callback(Kind):
    """A callable, which can be passed only in Python."""

    metavar = "CALLABLE"

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def check(self, value: Any) -> Any:
        if callable(value):
            return value
        raise TypeError


class SSLVersion(Number):
    expected = f"a number of Python's ssl.PROTOCOL_* ({ssl.PROTOCOL_TLS_SERVER:d} is TLS_SERVER)"

    numbers = {getattr(ssl, name) for name in dir(ssl) if name.startswith("PROTOCOL_")} - {ssl.PROTOCOL_TLS_CLIENT}


class SSLMinVersion(Kind):
    """A version of TLS; in Python also a member of `ssl.TLSVersion`."""

    versions: ClassVar = {
        "1.0": ssl.TLSVersion.TLSv1,
        "1.1": ssl.TLSVersion.TLSv1_1,
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }
    expected = "one of " + ", ".join(versions)
    metavar = "[" + "|".join(versions) + "]"

    def parse(self, text: str) -> ssl.TLSVersion:
        version = self.versions.get(text.lower().removeprefix("tls").removeprefix("v"))
        if version is None:
            raise ValueError
        return version

    def check(self, value: Any) -> Any:
        return value if isinstance(value, ssl.TLSVersion) else super().check(value)


class SSLCertReqs(Number):
    expected = "0 (no client certificate), 1 (optional) or 2 (required)"

    numbers = frozenset(ssl.VerifyMode)


class SSLCiphers(Kind):
    expected = "a list of ciphers in OpenSSL's format"
    metavar = "CIPHERS"

    def parse(self, text: str) -> str:
        if not text:  # the default of OpenSSL
            return text
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(text)
        except ssl.SSLError:
            raise ValueError from None
        return text
