"""How options are declared and checked.

An `Option` is one row of the table in `uvicorn.config.table`. A class with such rows has the base `OptionTable`, which
checks arguments, and the decorator `declare_options`, which collects the rows and makes the signature of the
constructor.
"""

import enum
import inspect
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, TypeVar

from uvicorn.config.kinds import Kind, OptionError, OptionTypeError

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform():
        return lambda decorator: decorator


P = ParamSpec("P")


class Group(enum.Enum):
    """The sections of `uvicorn --help` and of docs/settings.md."""

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
    METRICS = "Metrics"
    TLS = "TLS"
    API = "Python only"


class Form(enum.Enum):
    """How an option is written on the command line."""

    VALUE = enum.auto()  # --flag VALUE
    MANY = enum.auto()  # The flag can be repeated; the values are a list.
    ONE_OR_MANY = enum.auto()  # A single value is passed on by itself, several as a list.
    ON = enum.auto()  # --flag
    ON_OFF = enum.auto()  # --flag/--no-flag


class Option(NamedTuple):
    """A row of the table.

    Attributes:
        default: the value of `Config` and `run()` if the argument is not given.
        kind: what values are valid.
        group: the section of the help and of the settings page.
        help: a sentence for both.
        form: how the option is written on the command line.
        flag: the name on the command line, if it differs from the name of the parameter.
        shown: the default in words, if the value alone is not clear.
        command_line_default: the default of the command, if it differs from `default`.
        name: of the attribute and the parameter; set by `declare_options`.
    """

    default: Any
    kind: Kind
    group: Group
    help: str
    form: Form = Form.VALUE
    flag: str = ""
    shown: str | None = None
    command_line_default: Any = None
    name: str = ""

    def named(self, name: str) -> "Option":
        """Return the row with its name, and with the default of the command line (none for a dict) filled in."""
        default = self.command_line_default
        if default is None and not isinstance(self.default, dict):
            default = self.default
        return self._replace(name=name, command_line_default=default)

    @property
    def environment_variable(self) -> str:
        return f"UVICORN_{self.name.upper()}"

    @property
    def declaration(self) -> str:
        flag = self.flag or "--" + self.name.replace("_", "-")
        return f"{flag}/--no-{flag[2:]}" if self.form is Form.ON_OFF else flag

    @property
    def flag_shown(self) -> str:
        """Its name on the command line, for messages."""
        return self.declaration.partition("/")[0]

    @property
    def is_repeatable(self) -> bool:
        return self.form in (Form.MANY, Form.ONE_OR_MANY)

    @property
    def default_text(self) -> str:
        """The default in words; empty if the option has none, or if it is off."""
        if self.shown is not None:
            return self.shown
        if isinstance(self.default, bool):
            return "on" if self.default else ""
        return "" if self.default is None else str(self.default)

    def check(self, value: Any, source: str = "") -> Any:
        """Return the checked value of the option.

        Args:
            value: as it was given; None means the default, unless None is a valid value of the option.
            source: where the value comes from, for errors: a flag or a variable; the name of the option if empty.

        Raises:
            OptionError: the value is not valid.
            OptionTypeError: the value has a wrong type.
        """
        if value is None:
            return self._check_none()
        if self.form is Form.MANY:
            return self._check_many(value)
        if self.form is Form.ONE_OR_MANY and isinstance(value, list | tuple):
            values = self._check_many(value)
            return values if len(values) > 1 else next(iter(values), None)
        return self.check_one(value, source)

    def _check_none(self) -> Any:
        if self.default is None:
            return None
        try:
            return self.kind.check(None)
        except TypeError:
            return self.default

    def check_one(self, value: Any, source: str = "", read: Callable[[Any], Any] | None = None) -> Any:
        """Check one value, also one of a list.

        Args:
            value: as it was given.
            source: as for `check`.
            read: the function that checks and converts; by default the `check` of the kind.
        """
        try:
            return (read or self.kind.check)(value)
        except TypeError:
            # The error does not show the value, because it may be a password.
            rejected = type(value).__name__
            raise OptionTypeError(f"{source or self.name} must be {self.kind.expected}, not {rejected}") from None
        except ValueError:
            message = f"{source or self.name} must be {self.kind.expected}, not {value!r}"
            raise OptionError(". ".join(filter(None, (message, self.kind.hint(value))))) from None

    def _check_many(self, values: Any) -> list[Any]:
        if isinstance(values, str | os.PathLike):
            values = [values]
        if not isinstance(values, Iterable):
            raise OptionTypeError(f"{self.name} must be a list, not {type(values).__name__}")
        return [self.check_one(value) for value in values]


def close_match(name: str, names: list[str]) -> str:
    """A suggestion to add to an error about an unknown option; empty if no name is similar."""
    import difflib  # Takes a millisecond to import, and only errors need it.

    close = difflib.get_close_matches(name, names, 1)
    return f". Did you mean {close[0]!r}?" if close else ""


def _as_default(make: Callable[P, Option]) -> Callable[P, Any]:
    """Let type checkers accept a row as the default of an attribute of any type."""
    return make


declare = _as_default(Option)


def _signature(options: dict[str, Option], annotations: dict[str, Any]) -> inspect.Signature:
    """The signature of the constructor: programs look at it to see which keyword arguments they may pass."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("self", kind), inspect.Parameter("app", kind, annotation=Any)]
    for name, option in options.items():
        parameters.append(inspect.Parameter(name, kind, default=option.default, annotation=annotations[name]))
    return inspect.Signature(parameters, return_annotation=None)


class OptionTable:
    """A class whose constructor checks its arguments and makes them attributes."""

    options: ClassVar[dict[str, Option]]

    app: Any

    # Type checkers take the arguments from the annotations, by `dataclass_transform`.
    if not TYPE_CHECKING:

        def __init__(self, *args, **options):
            self._bind(args, options)
            self.__post_init__()

    def _bind(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        names = ["app", *self.options]
        where = f"{type(self).__name__}.__init__()"
        if len(args) > len(names):
            raise TypeError(f"{where} takes {len(names)} arguments but {len(args)} were given")
        values = dict(zip(names, args, strict=False))
        for name, value in options.items():
            if name in values:
                raise TypeError(f"{where} got multiple values for argument {name!r}")
            if name not in names:
                raise TypeError(f"{where} got an unexpected keyword argument {name!r}{close_match(name, names)}")
            values[name] = value
        if "app" not in values:
            raise TypeError(f"{where} missing 1 required positional argument: 'app'")
        self.app = values["app"]
        for name, option in self.options.items():
            setattr(self, name, values.get(name, option.default))

    def __post_init__(self) -> None:
        for name, option in self.options.items():
            setattr(self, name, option.check(getattr(self, name)))


Table = TypeVar("Table", bound=OptionTable)


@dataclass_transform()
def declare_options(cls: type[Table]) -> type[Table]:
    """Collect the rows of a class in its `options`, and put their defaults in their places."""
    cls.options = {name: value.named(name) for name, value in vars(cls).items() if isinstance(value, Option)}
    for name, option in cls.options.items():
        setattr(cls, name, option.default)
    constructor = vars(OptionTable)["__init__"]
    constructor.__annotations__ = {**cls.__annotations__, "return": None}
    constructor.__signature__ = _signature(cls.options, cls.__annotations__)
    return cls
