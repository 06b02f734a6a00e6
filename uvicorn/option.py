"""What an option is, and a class with options for attributes."""

import enum
import inspect
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, TypeVar

from uvicorn.accepts import Kind, OptionError, OptionTypeError

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform():
        return lambda decorator: decorator


P = ParamSpec("P")


class Group(enum.Enum):
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
    VALUE = enum.auto()
    MANY = enum.auto()
    ON = enum.auto()
    ON_OFF = enum.auto()


class Option(NamedTuple):
    """A row of the table; its name is that of the attribute."""

    default: Any  # Python's.
    kind: Kind
    group: Group
    help: str
    form: Form = Form.VALUE
    flag: str = ""  # Its name on the command line, where that is not the parameter's.
    shown: str | None = None  # Its default in words, where the value does not speak for itself.
    command_line_default: Any = None  # Where it differs from Python's; None for a dict.
    name: str = ""

    def named(self, name: str) -> "Option":
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
    def default_text(self) -> str:
        """The default in words; empty where there is none, or it is off."""
        if self.shown is not None:
            return self.shown
        if isinstance(self.default, bool):
            return "on" if self.default else ""
        return "" if self.default is None else str(self.default)

    def check(self, value: Any, source: str = "") -> Any:
        """Return what a value or text from `source` means, or raise OptionError, for its type OptionTypeError."""
        if value is None and self.default is None:
            return None
        if self.form is Form.MANY:
            return self._check_many(value)
        return self._check_one(value, source)

    def _check_one(self, value: Any, source: str = "") -> Any:
        try:
            return self.kind.check(value)
        except TypeError:
            # Without the value: a password of the wrong type is still a password.
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


def _as_default(make: Callable[P, Option]) -> Callable[P, Any]:
    """For type checkers, which look for a value of the attribute's type."""
    return make


option = _as_default(Option)


class _Signature:
    """The signature of a table, made when somebody asks for it."""

    def __get__(self, instance: object, owner: type["OptionTable"]) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter("app", kind, annotation=Any)]
        for name, option in owner.options.items():
            annotation = owner.annotations[name]
            parameters.append(inspect.Parameter(name, kind, default=option.default, annotation=annotation))
        return inspect.Signature(parameters)


class OptionTable:
    """Arguments that become attributes, each checked."""

    options: ClassVar[dict[str, Option]]
    annotations: ClassVar[dict[str, Any]]

    app: Any

    # Type checkers take the arguments from the annotations.
    if not TYPE_CHECKING:
        __signature__ = _Signature()

        def __init__(self, *args, **options):
            self._bind(args, options)
            self.__post_init__()

    def _bind(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        names = ["app", *self.options]
        if len(args) > len(names):
            raise TypeError(f"__init__() takes {len(names)} arguments but {len(args)} were given")
        values = dict(zip(names, args, strict=False))
        for name, value in options.items():
            if name in values:
                raise TypeError(f"__init__() got multiple values for argument {name!r}")
            if name not in names:
                raise TypeError(f"__init__() got an unexpected keyword argument {name!r}")
            values[name] = value
        if "app" not in values:
            raise TypeError("__init__() missing 1 required positional argument: 'app'")
        self.app = values["app"]
        for name, option in self.options.items():
            setattr(self, name, values.get(name, option.default))

    def __post_init__(self) -> None:
        for name, option in self.options.items():
            setattr(self, name, option.check(getattr(self, name)))


Table = TypeVar("Table", bound=OptionTable)


@dataclass_transform()
def option_table(cls: type[Table]) -> type[Table]:
    """Collect the options of a class, and leave their defaults there."""
    cls.options = {name: value.named(name) for name, value in vars(cls).items() if isinstance(value, Option)}
    cls.annotations = cls.__annotations__
    for name, option in cls.options.items():
        setattr(cls, name, option.default)
    vars(OptionTable)["__init__"].__annotations__ = {**cls.annotations, "return": None}
    return cls
