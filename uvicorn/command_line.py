"""The option table as a click command."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from uvicorn.accepts import Kind, OptionError
from uvicorn.option import Form, Group, Option
from uvicorn.options import OPTIONS

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]  # which cannot be subscripted at run time before click 8.4
else:
    ParamType = click.ParamType

ENVIRONMENT_PREFIX = "UVICORN"
EPILOG = (
    f"Each option can be set in the environment: {ENVIRONMENT_PREFIX}_ and its name in upper case, such as "
    f"{ENVIRONMENT_PREFIX}_LOG_LEVEL=debug, or the variable named beside it."
)


class KindType(ParamType):
    """A `Kind` as the type of a click parameter."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = kind.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; text is read, and what is one already, such as a default, is left."""
        if not isinstance(value, str):
            return value
        try:
            return self.kind.parse(value)
        except ValueError:
            self.fail(f"{value!r} is not {self.kind.expected}.", param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        """Split the variable of an option that can be repeated."""
        return rv.split(self.kind.separator)

    def get_metavar(self, *args: Any, **kwargs: Any) -> str:
        """Return the placeholder in `--help`; click hands over the parameter, and since 8.2 the context."""
        return self.kind.metavar


class FlagType(KindType, click.types.BoolParamType):
    """The same for options without a value, for which click insists on a type of its own."""

    name = "boolean"


class GroupedOption(click.Option):
    """A click option made from its row of the table."""

    def __init__(self, option: Option) -> None:
        self.group = option.group
        attributes: dict[str, Any] = {
            "help": help_text(option),
            "default": option.command_line_default,
            "show_default": False,
        }
        if option.form in (Form.ON, Form.ON_OFF):
            attributes["is_flag"] = True
        else:
            attributes["multiple"] = option.form is Form.MANY
        super().__init__([option.declaration, option.name], **attributes)
        # Not an argument: before click 8 an option with a type of its own is no flag.
        self.type = FlagType(option.kind) if self.is_flag else KindType(option.kind)


def help_text(option: Option) -> str:
    """Return the meaning of an option, and beside it what cannot be guessed: its variable and its default."""
    notes = []
    if option.declaration.partition("/")[0][2:].replace("-", "_") != option.name:
        notes.append(f"env var: {option.environment_variable}")
    if option.default_text:
        notes.append(f"default: {option.default_text}")
    return f"{option.help}  [{'; '.join(notes)}]" if notes else option.help


class GroupedCommand(click.Command):
    """A command whose `--help` lists the options under the headings of the table."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group; those outside the table come last."""
        rows: dict[str, list[tuple[str, str]]] = {group.value: [] for group in Group}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                title = parameter.group.value if isinstance(parameter, GroupedOption) else "Other"
                rows.setdefault(title, []).append(record)
        for title, records in rows.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from uvicorn.version import version_text

        try:
            text = version_text()
        except ImportError as exc:  # UVICORN_SPEEDUPS asks for what cannot be had
            raise click.UsageError(str(exc), ctx) from None
        click.echo(text)
        ctx.exit()


def command(function: Callable[..., None]) -> click.Command:
    """Make the command that calls `function` with APP and every option, by the names of their parameters."""
    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version, and what auto picks on this machine, and exit.",
    )
    options: Sequence[click.Parameter] = [
        GroupedOption(option) for option in OPTIONS.values() if option.group is not Group.API
    ]
    return GroupedCommand(
        "uvicorn",
        context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX},
        callback=function,
        params=[click.Argument(["app"], envvar=f"{ENVIRONMENT_PREFIX}_APP"), *options, version],
        help=inspect.getdoc(function),
        epilog=EPILOG,
    )


def usage_error(error: OptionError) -> click.UsageError:
    """Return the error that ends the command with exit code 2."""
    return click.UsageError(str(error), click.get_current_context(silent=True))
