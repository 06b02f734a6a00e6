"""A class whose attributes are options: a dataclass, but for the time that making one takes at every start."""

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from uvicorn.option import Option

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform():
        """Do nothing: this is for type checkers."""
        return lambda decorator: decorator


class _Signature:
    """The signature of a table and its subclasses, made when somebody asks for it."""

    def __get__(self, instance: object, owner: type["OptionTable"]) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter("app", kind, annotation=Any)]
        for name, option in owner.options.items():
            annotation = owner.annotations[name]
            parameters.append(inspect.Parameter(name, kind, default=option.default, annotation=annotation))
        return inspect.Signature(parameters)


class OptionTable:
    """What is served, and the options for it: arguments, then attributes, each of them checked."""

    options: ClassVar[dict[str, Option]]
    annotations: ClassVar[dict[str, Any]]

    app: Any

    # Type checkers take the arguments from the annotations.
    if not TYPE_CHECKING:  # pragma: no branch - it is never true here
        __signature__ = _Signature()

        def __init__(self, *args, **options):
            self._bind(args, options)
            self.__post_init__()

    def _bind(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Assign arguments to attributes, and complain as Python does."""
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
    """Collect the options that the body of a class assigns; the attributes of the class become their defaults."""
    cls.options = {name: value for name, value in vars(cls).items() if isinstance(value, Option)}
    cls.annotations = cls.__annotations__
    for name, option in cls.options.items():
        option.name = name
        setattr(cls, name, option.default)
    vars(OptionTable)["__init__"].__annotations__ = {**cls.annotations, "return": None}
    return cls
