import functools
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from uvicorn.importer import (
    AppLoadingError,
    check_interface,
    detect_interface,
    is_coroutine_callable,
    load_app,
    show_users_traceback,
)

WARNING = "ASGI app factory detected. Using it, but please consider setting the --factory flag explicitly."


async def asgi3(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI 3 application that does nothing."""


def asgi2(scope: Any) -> Callable[[Any, Any], Awaitable[None]]:
    return functools.partial(asgi3, scope)


class ASGI2:
    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        """Do nothing."""


class ASGI3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Do nothing."""


class Awaitable3:
    """A class as an application: `await app(scope, receive, send)` awaits the new instance."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope

    def __await__(self) -> Any:
        yield


class Synchronous:
    def __call__(self, scope: Any) -> Any:
        return functools.partial(asgi3, scope)


def factory() -> Any:
    return asgi3


def failing_factory() -> Any:
    raise TypeError("of its own")


def wrapper(*args: Any) -> Any:
    return asgi3(*args)


async def coroutine_wrapper(*args: Any) -> None:
    await asgi3(*args)


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (asgi3, "asgi3"),
        (functools.partial(asgi3), "asgi3"),
        (functools.partial(ASGI3()), "asgi3"),
        (ASGI3(), "asgi3"),
        (ASGI3().__call__, "asgi3"),
        (Awaitable3, "asgi3"),
        (asgi2, "asgi2"),
        (ASGI2, "asgi2"),
        (Synchronous(), "asgi2"),
        (ASGI3, "asgi2"),
    ],
)
def test_the_interface_is_detected(app: Any, interface: str) -> None:
    assert detect_interface(app) == interface


def wsgi(environ: Any, start_response: Any) -> Any:
    """A WSGI application that does nothing."""


class WSGI:
    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Do nothing."""


def returns_a_coroutine(scope: Any, receive: Any, send: Any) -> Any:
    return asgi3(scope, receive, send)


def of_any_arguments(*args: Any) -> Any:
    """Do nothing."""


@functools.wraps(wsgi)
def wrapping(scope: Any) -> Any:
    return functools.partial(asgi3, scope)


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (asgi3, "asgi3"),
        (ASGI3(), "asgi3"),
        (coroutine_wrapper, "asgi3"),
        (returns_a_coroutine, "asgi3"),
        (asgi2, "asgi2"),
        (ASGI2, "asgi2"),
        (wrapping, "asgi2"),
        (wsgi, "wsgi"),
        (WSGI(), "wsgi"),
        (of_any_arguments, "asgi2"),
        (of_any_arguments, "wsgi"),
        (getattr, "asgi2"),  # this class has no signature
        (lambda a, b, c, d: None, "wsgi"),  # these have no interface, and fail only when they are called
    ],
)
def test_an_application_of_its_interface(app: Any, interface: str) -> None:
    check_interface(app, interface)


@pytest.mark.parametrize(
    ("app", "interface", "message"),
    [
        (
            wsgi,
            "asgi2",
            "wsgi takes the arguments of a WSGI application (environ, start_response). Use --interface wsgi.",
        ),
        (
            WSGI(),
            "asgi2",
            "WSGI takes the arguments of a WSGI application (environ, start_response). Use --interface wsgi.",
        ),
        (WSGI(), "asgi3", "Use --interface wsgi."),
        (asgi3, "wsgi", "asgi3 takes the arguments of one of ASGI3. Use --interface asgi3."),
        (ASGI3(), "wsgi", "ASGI3 takes the arguments of one of ASGI3. Use --interface asgi3."),
        (asgi3, "asgi2", "Use --interface asgi3."),
        (asgi2, "wsgi", "asgi2 takes the arguments of one of ASGI2. Use --interface asgi2."),
        (returns_a_coroutine, "asgi2", "Use --interface asgi3."),
    ],
)
def test_an_application_of_another_interface(app: Any, interface: str, message: str) -> None:
    with pytest.raises(AppLoadingError) as caught:
        check_interface(app, interface)
    assert str(caught.value).startswith("Error loading ASGI app. ")
    assert str(caught.value).endswith(message)


def test_an_object_that_cannot_be_called_gives_no_coroutine() -> None:
    assert not is_coroutine_callable(3)


@pytest.mark.parametrize("app", [asgi3, asgi2, ASGI2, ASGI3(), Awaitable3, Synchronous(), coroutine_wrapper])
def test_an_application_is_returned_as_it_is(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert load_app(app, factory=False) is app
    assert caplog.messages == []


def test_an_import_string() -> None:
    assert load_app("tests.test_app_loading:asgi3", factory=False) is asgi3


@pytest.mark.parametrize("app", [factory, ASGI3, functools.partial(lambda app: app, asgi3)])
def test_a_factory_is_called_with_a_warning(app: Any, capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    loaded = load_app(app, factory=False)
    assert loaded is asgi3 or isinstance(loaded, ASGI3)
    assert caplog.messages == [WARNING]


def test_a_declared_factory_is_called_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert load_app(factory, factory=True) is asgi3
    assert caplog.messages == []


def test_a_wrapper_of_any_arguments_is_not_a_factory(caplog: pytest.LogCaptureFixture) -> None:
    assert load_app(wrapper, factory=False) is wrapper
    assert caplog.messages == []


def test_a_type_error_in_a_detected_factory_is_shown() -> None:
    with pytest.raises(TypeError, match="of its own"):
        load_app(failing_factory, factory=False)


def test_a_declared_factory_with_a_type_error() -> None:
    with pytest.raises(AppLoadingError, match="Error loading ASGI app factory: of its own") as caught:
        load_app(failing_factory, factory=True)
    cause = caught.value.__cause__
    assert cause is not None
    frames = [frame.name for frame in traceback.extract_tb(cause.__traceback__)]
    # PyPy adds the frame that has caught the exception.
    assert frames == ["failing_factory"] or (sys.implementation.name == "pypy" and frames[-1] == "failing_factory")


@pytest.mark.parametrize("app", [None, 3, {}])
def test_an_object_that_cannot_be_called_is_not_an_application(app: Any) -> None:
    with pytest.raises(AppLoadingError, match=rf"Error loading ASGI app\. {app!r} is not callable\."):
        load_app(app, factory=False)


def test_a_declared_factory_that_takes_arguments() -> None:
    with pytest.raises(
        AppLoadingError, match=r"Error loading ASGI app factory: .*missing 3 required positional"
    ) as caught:
        load_app(asgi3, factory=True)
    assert caught.value.__cause__ is None


def test_a_builtin_without_a_signature_is_not_a_factory() -> None:
    assert load_app(dict.fromkeys, factory=False) == dict.fromkeys
    assert load_app(getattr, factory=False) is getattr


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("no_such_module:app", 'Error loading ASGI app. Could not import module "no_such_module".'),
        (
            "tests.test_app_loading:no",
            'Error loading ASGI app. Attribute "no" not found in module "tests.test_app_loading".',
        ),
        ("tests.no:asgi3", 'Error loading ASGI app. Could not import module "tests.no". It was looked for in '),
        (
            "tests.test_app_loading:asgi4",
            'Error loading ASGI app. Attribute "asgi4" not found in module "tests.test_app_loading". Did you mean ',
        ),
        ("tests", 'Error loading ASGI app. Import string "tests" must be in format "<module>:<attribute>".'),
    ],
)
def test_an_import_string_that_names_nothing(app: str, message: str) -> None:
    with pytest.raises(AppLoadingError) as caught:
        load_app(app, factory=False)
    assert str(caught.value).startswith(message)


def traceback_of(app: str, capsys: pytest.CaptureFixture[str], error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        load_app(app, factory=False)
    show_users_traceback(caught.value)
    return capsys.readouterr().err


def test_the_traceback_begins_with_the_users_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outer_module.py").write_text("import inner_module\n")
    (tmp_path / "inner_module.py").write_text("import no_such_dependency\n")
    (tmp_path / "broken_module.py").write_text("this is no Python\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    shown = traceback_of("outer_module:app", capsys, ImportError)
    assert shown.startswith(f'Traceback (most recent call last):\n  File "{tmp_path / "outer_module.py"}", line 1')
    assert shown.index("outer_module.py") < shown.index("inner_module.py")
    assert shown.endswith("ModuleNotFoundError: No module named 'no_such_dependency'\n")
    shown = traceback_of("broken_module:app", capsys, SyntaxError)
    assert shown.startswith(f'  File "{tmp_path / "broken_module.py"}", line 1\n')
    assert "SyntaxError" in shown


def test_a_factory_is_the_users_code_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    shown = traceback_of("tests.test_app_loading:failing_factory", capsys, TypeError)
    assert "in failing_factory\n" in shown.splitlines(keepends=True)[1]
    assert shown.endswith("TypeError: of its own\n")
