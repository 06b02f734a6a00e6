"""The `uvicorn` command, made from the option table, and `run()`.

Both make a `Config` and give it to a `Server`, or to a supervisor if there are several workers or reloading is on. The
command reads options from the command line, the environment and a file. `run()` gets them only as arguments.
"""

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec

import click

from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE, Config
from uvicorn.config.config import exit_with_startup_failure, name_by_flag
from uvicorn.config.kinds import (
    Choice,
    ChoiceOrImport,
    Flag,
    Kind,
    Number,
    OptionError,
    Path,
    Pattern,
    Seconds,
)
from uvicorn.config.schema import Form, Group, Option
from uvicorn.config.table import OPTIONS
from uvicorn.importer import show_users_traceback
from uvicorn.process_manager import ProcessManager
from uvicorn.server import Server, ServerState

__all__ = [
    "LEVEL_CHOICES",
    "LOGGING_CONFIG",
    "STARTUP_FAILURE",
    "Config",
    "Server",
    "ServerState",
    "logger",
    "main",
    "print_version",
    "run",
]

P = ParamSpec("P")

logger = logging.getLogger("uvicorn.error")

ENVIRONMENT_PREFIX = "UVICORN"
# The key in the `meta` of click's context under which the configuration file is stored.
CONFIG_FILE = "uvicorn.config_file"
EPILOG = (
    f"Each option can be set in the environment: {ENVIRONMENT_PREFIX}_ and its name in upper case, such as "
    f"{ENVIRONMENT_PREFIX}_LOG_LEVEL=debug, or the variable named beside it."
)
# The libraries that `auto` tries for an option, and what it uses without them.
AUTO = {
    "http": (("httptools",), "h11"),
    "loop": (("uvloop",), "asyncio"),
    "ws": ((), "builtin"),
}


def click_type(kind: Kind) -> Any:
    """The type of click that is most similar to a kind. Programs and shells look at it; the kind converts the text."""
    if isinstance(kind, Choice) and not isinstance(kind, ChoiceOrImport):
        return click.Choice(kind.names, case_sensitive=False)
    if isinstance(kind, Path) and not isinstance(kind, Pattern):
        return click.Path()
    types = {Flag: click.BOOL, Seconds: click.FLOAT, Number: click.INT}
    return next((found for base, found in types.items() if isinstance(kind, base)), click.STRING)


LEVEL_CHOICES = click_type(OPTIONS["log_level"].kind)


# Options of other servers (gunicorn, hypercorn, daphne), and what to use here.
ELSEWHERE = {
    "-h": "--help for the list of options, or --host for the address",
    "-v": "--version",
    "-p": "--port",
    "-u": "--uds",
    "-b": "--bind",
    "--unix-socket": "--uds",
    "-w": "--workers",
    "-k": "--loop, --http and --ws: the workers are of one class",
    "--worker-class": "--loop, --http and --ws: the workers are of one class",
    "--worker-connections": "--limit-concurrency",
    "--threads": "--workers: applications run on one event loop for each worker",
    "-t": "--timeout-worker-healthcheck for hung workers, --timeout-keep-alive or another --timeout",
    "--timeout": "--timeout-worker-healthcheck for hung workers, --timeout-keep-alive or another --timeout",
    "--graceful-timeout": "--timeout-graceful-shutdown",
    "--keep-alive": "--timeout-keep-alive",
    "--max-requests": "--limit-max-requests",
    "--max-requests-jitter": "--limit-max-requests-jitter",
    "--limit-request-field_size": "--limit-request-head",
    "--certfile": "--ssl-certfile",
    "--keyfile": "--ssl-keyfile",
    "--ca-certs": "--ssl-ca-certs",
    "--ciphers": "--ssl-ciphers",
    "--cert-reqs": "--ssl-cert-reqs",
    "--chdir": "--app-dir",
    "--pythonpath": "--app-dir",
    "--access-logfile": "--access-log-file, or nothing: access lines go to standard output",
    "--access-logformat": "--access-log-format",
    "--error-logfile": "--log-config; the log goes to standard error without it",
    "--log-file": "--log-config; the log goes to standard error without it",
    "--websocket-ping-interval": "--ws-ping-interval",
    "--reload-extra-file": "--reload-include",
    "-c": "--config",
    "-D": "a process manager such as systemd, which runs the command in the background",
    "--daemon": "a process manager such as systemd, which runs the command in the background",
    "-m": "--uds-mode",
    "--umask": "--uds-mode",
    "--pid": "--pid-file",
    "--pidfile": "--pid-file",
}


class NamedByOrigin(click.Option):
    """An option that errors name as the user gave it: by its flag, or by its environment variable."""

    def get_error_hint(self, ctx: Any) -> str:
        name = str(self.name)
        if source_of(ctx, name) == "ENVIRONMENT":
            return repr(f"{ENVIRONMENT_PREFIX}_{name.upper()}")
        return super().get_error_hint(ctx)


class GroupedOption(NamedByOrigin):
    """A click option, made from its row of the table."""

    def __init__(self, option: Option) -> None:
        self.group = option.group
        self._kind = option.kind
        attributes: dict[str, Any] = {
            "help": help_text(option),
            "default": option.command_line_default,
            "show_default": False,
        }
        if option.form in (Form.ON, Form.ON_OFF):
            attributes["is_flag"] = True
        else:
            attributes["type"] = click_type(option.kind)
            attributes["metavar"] = option.kind.metavar
            attributes["multiple"] = option.is_repeatable
        super().__init__([option.declaration, option.name], **attributes)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        if isinstance(value, list | tuple) and self.multiple:
            return tuple(self._read(item, ctx) for item in value)
        is_ours = isinstance(value, str | bool | list | tuple)
        return self._read(value, ctx) if is_ours else super().type_cast_value(ctx, value)

    def _read(self, value: Any, ctx: click.Context) -> Any:
        try:
            return self._kind.read(value)
        except ValueError:
            # A flag has no value to show.
            wrong = "" if value is True else f"{value!r} is not {self._kind.expected}."
            message = f"{wrong} {self._kind.hint(value)}".strip()
            raise click.BadParameter(message, ctx, self) from None


def source_of(ctx: click.Context, name: str) -> str | None:
    """Where a value comes from: the name of a member of `click.core.ParameterSource`. None if click is too old."""
    source = getattr(ctx, "get_parameter_source", None)  # missing in click 7
    found = source(name) if source is not None else None
    return None if found is None else found.name


def help_text(option: Option) -> str:
    """The help of an option, with its variable and its default if they are not obvious."""
    notes = []
    if option.declaration.partition("/")[0][2:].replace("-", "_") != option.name:
        notes.append(f"env var: {option.environment_variable}")
    if option.default_text:
        notes.append(f"default: {option.default_text}")
    return f"{option.help}  [{'; '.join(notes)}]" if notes else option.help


class GroupedCommand(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as exc:
            ours = ELSEWHERE.get(exc.option_name)
            if ours is None:
                raise
            raise click.UsageError(f"No such option: {exc.option_name}. Use {ours}.", ctx) from None
        except click.MissingParameter:
            message = "Missing argument 'APP': the application, as module:attribute, such as main:app."
            raise click.UsageError(message, ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
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


def auto_picks(option: str) -> str:
    """What `auto` picks for an option on this machine. The library is not imported."""
    from importlib.util import find_spec

    libraries, otherwise = AUTO[option]
    return next((library for library in libraries if find_spec(library) is not None), otherwise)


def version_text() -> str:
    """The text of `--version`."""
    import platform

    from uvicorn import __version__, _speedups

    python = f"{platform.python_implementation()} {platform.python_version()}"
    picks = ", ".join(f"--{option} {auto_picks(option)}" for option in AUTO)
    lines = [
        f"Running uvicorn {__version__} with {python} on {platform.system()}",
        f"Speedups: {_speedups.HALF} ({_speedups.REASON}); auto: {picks}",
        _speedups.REMEDY,
    ]
    return "\n".join(filter(None, lines))


def print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """The callback of `--version`: print the version and exit, if the flag was given."""
    if value and not ctx.resilient_parsing:
        try:
            text = version_text()
        except ImportError as exc:  # UVICORN_SPEEDUPS=require, but the compiled build is missing.
            raise click.UsageError(str(exc), ctx) from None
        click.echo(text)
        ctx.exit()


def read_config(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    """The callback of `--config`: make the values of a file the defaults of the command."""
    if path is None or ctx.resilient_parsing:
        return
    from uvicorn.config.file import read_config_file

    try:
        config_file = read_config_file(path)
    except (OptionError, OSError, ImportError) as exc:
        raise click.UsageError(str(exc), ctx) from None
    ctx.meta[CONFIG_FILE] = config_file
    lists = {
        name: [value] if name in OPTIONS and OPTIONS[name].is_repeatable and not isinstance(value, list) else value
        for name, value in config_file.values.items()
    }
    ctx.default_map = {**(ctx.default_map or {}), **lists}


def config_options() -> list[click.Option]:
    """The options about the configuration itself."""
    return [
        NamedByOrigin(
            ["--config"],
            metavar="FILE",
            type=click.Path(exists=True, dir_okay=False),
            is_eager=True,  # The file has to be read before the other options are looked up.
            expose_value=False,
            callback=read_config,
            help="Read options from this TOML file, or from [tool.uvicorn] of a pyproject.toml.",
        ),
        click.Option(
            ["--check-config"],
            is_flag=True,
            allow_from_autoenv=False,
            help="Load everything, the application and the TLS files too, start nothing, and exit.",
        ),
        click.Option(
            ["--print-config"],
            is_flag=True,
            allow_from_autoenv=False,
            help="Show the value of each option and where it comes from, as a configuration file, and exit.",
        ),
    ]


def command(function: Callable[..., None]) -> click.Command:
    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=print_version,
        help="Show the version, and what auto picks on this machine, and exit.",
    )
    options = (GroupedOption(option) for option in OPTIONS.values() if option.group is not Group.API)
    return GroupedCommand(
        "uvicorn",
        context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX},
        callback=function,
        params=[click.Argument(["app"], envvar=f"{ENVIRONMENT_PREFIX}_APP"), *options, *config_options(), version],
        help=inspect.getdoc(function),
        epilog=EPILOG,
    )


@command
def main(app: str, check_config: bool = False, print_config: bool = False, **options: Any) -> None:
    """Serve APP, an ASGI or WSGI application named as module:attribute."""
    if print_config:
        _print_config(click.get_current_context())
        if not check_config:
            return
    for name in (name for name, option in OPTIONS.items() if option.is_repeatable):
        # If the option was not given, click passes an empty tuple.
        options[name] = list(options.get(name) or ()) or None
    if options.get("log_config") is None:
        # None would mean that logging is not configured.
        options.pop("log_config", None)
    try:
        if check_config:
            _check_config(app, **options)
        else:
            run(app, **options)
    except OptionError as exc:
        raise click.UsageError(name_by_flag(str(exc)), click.get_current_context(silent=True)) from None


def _print_config(ctx: click.Context) -> None:
    """Print all options, in the form of a configuration file."""
    from uvicorn.config.file import format_setting

    for name in ("app", *(option.name for option in OPTIONS.values() if option.group is not Group.API)):
        click.echo(format_setting(name, ctx.params[name], _origin(ctx, name)))


def _origin(ctx: click.Context, name: str) -> str:
    """Where the value of an option comes from."""
    source = source_of(ctx, name)
    if source is None:
        raise click.UsageError("--print-config needs click 8 or newer.", ctx)
    if source == "ENVIRONMENT":
        return f"{ENVIRONMENT_PREFIX}_{name.upper()}"
    if source == "DEFAULT_MAP" and CONFIG_FILE in ctx.meta:
        return str(ctx.meta[CONFIG_FILE].where(name))
    return "command line" if source == "COMMANDLINE" else "default"


def _with_arguments_of_config(_: Callable[P, Config]) -> Callable[[Callable[..., None]], Callable[P, None]]:
    """Give a function the signature of `Config`, for type checkers and for `inspect`."""

    def decorate(function: Callable[..., None]) -> Callable[P, None]:
        return functools.update_wrapper(function, Config, assigned=(), updated=())

    return decorate


@_with_arguments_of_config(Config)
def run(*args: Any, **options: Any) -> None:
    """Serve an application until asked to exit.

    Args:
        app: the application, or its import string. Reloading and several workers need an import string.
        host, ...: the options of `Config`.

    Raises:
        OptionError: the value of an option is not valid.
        SystemExit: the server could not start; the reason was logged.
    """
    config = _make_config(*args, **options)
    server = Server(config)
    server.manager.connect()
    try:
        if config.use_subprocess:
            _supervise(config, server)
        else:
            server.run()
    except KeyboardInterrupt:
        return
    except Exception as exc:
        if config.loaded or config.use_subprocess:
            raise
        _exit_with_users_traceback(exc)
    if not (server.started or server.should_exit or config.use_subprocess):
        sys.exit(STARTUP_FAILURE)  # `Server.run` was replaced by a program, and has returned without serving.


def _make_config(*args: Any, **options: Any) -> Config:
    try:
        config = Config(*args, **options)
    except (OSError, ImportError) as exc:
        exit_with_startup_failure(exc)
    if config.use_subprocess and not isinstance(config.app, str):
        logger.warning("You must pass the application as an import string to enable 'reload' or 'workers'.")
        sys.exit(STARTUP_FAILURE)
    if config.reload and config.workers > 1:
        logger.warning('"workers" flag is ignored when reloading is enabled.')
    if config.reload and (config.worker_max_lifetime or config.worker_max_rss):
        logger.warning("--worker-max-lifetime and --worker-max-rss have no effect when reloading is enabled.")
    return config


def _exit_with_users_traceback(exc: BaseException) -> NoReturn:
    show_users_traceback(exc)
    raise SystemExit(STARTUP_FAILURE) from exc


def _check_config(app: str, **options: Any) -> None:
    """Load everything that a server would load.

    Raises:
        OptionError, SystemExit: as for `run`.
    """
    config = _make_config(app, **options)
    config.get_loop_factory()
    try:
        config.load()
    except Exception as exc:
        _exit_with_users_traceback(exc)
    click.echo("The configuration is valid.")


def _supervise(config: Config, server: Server) -> None:
    from uvicorn import supervisors

    # Chosen, and so imported, before the line "Press CTRL+C to quit" is logged.
    if config.should_reload:
        supervisor_class: Any = functools.partial(supervisors.ChangeReload, target=server.run)
    else:
        supervisor_class = supervisors.Multiprocess
    # The process manager is notified by the supervisor, not by its children.
    manager, server.manager = server.manager, ProcessManager()
    binds = config.open_binds()
    try:
        supervisor = supervisor_class(config, sockets=[sock for bind in binds for sock in bind.sockets])
        with manager:
            supervisor.manager = manager
            supervisor.run()
    finally:
        for bind in binds:
            bind.close()


def __getattr__(name: str) -> Any:
    if name in ("ChangeReload", "Multiprocess"):  # Imported when they are used.
        from uvicorn import supervisors

        return getattr(supervisors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
