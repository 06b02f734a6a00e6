"""What an option is: where it is listed, how it is written, what it takes."""

import enum
import os
from collections.abc import Iterable
from typing import Any

from uvicorn.accepts import Kind, OptionError, OptionTypeError


class Group(enum.Enum):
    """The headings under which options are listed."""

    APPLICATION = "Application"
    ADDRESS = "Address"
    PROCESSES = "Processes"
    RELOAD = "Reload"
    IMPLEMENTATION = "Implementation"
    HTTP = "HTTP"
    PROXY = "Proxy"
    WEBSOCKET = "WebSocket"
    LOGGING = "Logging"
    LIMITS = "Limits"
    TIMEOUTS = "Timeouts"
    TLS = "TLS"
    API = "Python only"


class Form(enum.Enum):
    """How an option is written on the command line."""

    VALUE = enum.auto()
    MANY = enum.auto()
    ON = enum.auto()
    ON_OFF = enum.auto()


class Option:
    """What is told of one option besides its type; its name is that of the attribute.

    Attributes:
        default: what Python takes for it.
        kind: the values it takes.
        group: where it is listed.
        help: its meaning, one sentence.
        form: how it is written.
        flag: its name on the command line, where that is not the parameter's.
        shown: its default in words, where the value does not speak for itself.
        command_line_default: the default of the command line, where it differs from Python's.
    """

    name: str

    def __init__(
        self,
        default: Any,
        kind: Kind,
        group: Group,
        help: str,
        form: Form,
        flag: str,
        shown: str | None,
        command_line_default: Any,
    ) -> None:
        self.default = default
        self.kind = kind
        self.group = group
        self.help = help
        self.form = form
        self.flag = flag
        self.shown = shown
        self.command_line_default = command_line_default

    @property
    def environment_variable(self) -> str:
        """The variable that the command line reads."""
        return f"UVICORN_{self.name.upper()}"

    @property
    def declaration(self) -> str:
        """The option as it is written on the command line."""
        flag = self.flag or "--" + self.name.replace("_", "-")
        return f"{flag}/--no-{flag[2:]}" if self.form is Form.ON_OFF else flag

    @property
    def default_text(self) -> str:
        """The default in words; empty where there is none, or where it is that an option is off."""
        if self.shown is not None:
            return self.shown
        if isinstance(self.default, bool):
            return "on" if self.default else ""
        return "" if self.default is None else str(self.default)

    def check(self, value: Any, source: str = "") -> Any:
        """Return the value that `value` means.

        Args:
            value: a value from Python, or text.
            source: where it came from, if not from the parameter of this name.

        Raises:
            OptionError: it is not accepted; OptionTypeError where that is for its type.
        """
        if value is None and self.default is None:
            return None
        if self.form is Form.MANY:
            return self._check_many(value)
        return self._check_one(value, source)

    def _check_one(self, value: Any, source: str = "") -> Any:
        try:
            return self.kind.check(value)
        except TypeError:
            # The value is not repeated: a password of the wrong type is still a password.
            rejected = type(value).__name__
            raise OptionTypeError(f"{source or self.name} must be {self.kind.expected}, not {rejected}") from None
        except ValueError:
            raise OptionError(f"{source or self.name} must be {self.kind.expected}, not {value!r}") from None

    def _check_many(self, values: Any) -> list[Any]:
        if isinstance(values, str | os.PathLike):
            values = [values]
        if not isinstance(values, Iterable):
            raise OptionTypeError(f"{self.name} must be a list, not {type(values).__name__}")
        return [self._check_one(value) for value in values]
