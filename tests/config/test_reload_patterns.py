import os
from pathlib import Path

import pytest

from uvicorn import config
from uvicorn.config import Config, is_dir, resolve_reload_patterns

APP = "tests.apps:asgi3_app"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with directories, which is the current directory."""
    for directory in ("app/src", "app/css", "ext/nested", ".dotted"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def test_directories(tree: Path) -> None:
    assert is_dir(Path("app"))
    assert is_dir(tree / "app")
    assert not is_dir(tree / "app" / "main.py")
    assert not is_dir(Path("missing"))


def test_an_unreadable_path_is_not_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Path, strict: bool = False) -> Path:
        raise OSError("File name too long")

    monkeypatch.setattr(Path, "resolve", failing)
    assert not is_dir(Path("anything"))


def test_patterns_keep_their_order_without_duplicates(tree: Path) -> None:
    patterns, directories = resolve_reload_patterns(["*.html", "*.css", "*.html", ".*"], [])
    assert patterns == ["*.html", "*.css", ".*"]
    assert directories == []


@pytest.mark.parametrize("pattern", ["app", "a*", "{tree}/app", "{tree}/a*", "app/../app"])
def test_a_pattern_of_directories_adds_those_directories(pattern: str, tree: Path) -> None:
    pattern = pattern.format(tree=tree)
    assert resolve_reload_patterns([pattern], []) == ([pattern], [tree / "app"])


def test_a_pattern_of_files_adds_no_directory(tree: Path) -> None:
    assert resolve_reload_patterns(["app/*.py"], []) == (["app/*.py"], [])


def test_a_directory_in_another_one_is_left_out(tree: Path) -> None:
    _, directories = resolve_reload_patterns(["app/src", "ext/nested"], ["app", tree / "app" / "css"])
    assert directories == [tree / "app", tree / "ext" / "nested"]


def test_the_current_directory_is_watched(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched = Config(APP, reload=True)
    assert watched.should_reload
    assert watched.reload_dirs == [tree]
    assert watched.reload_dirs_excludes == []
    assert watched.reload_includes == []
    assert watched.reload_excludes == []
    assert capsys.readouterr().err == f"INFO:     Will watch for changes in these directories: ['{tree}']\n"


@pytest.mark.parametrize("given", ["app", ["app"], Path("app"), ("app", "missing")], ids=str)
def test_given_directories_are_watched(given: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Config(APP, reload=True, reload_dirs=given).reload_dirs == [tree / "app"]
    assert "WARNING" not in capsys.readouterr().err


def test_missing_directories_are_warned_of(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Config(APP, reload=True, reload_dirs=["missing"]).reload_dirs == [tree]
    warning = "WARNING:  None of the directories ['missing'] can be watched, watching the current one.\n"
    assert capsys.readouterr().err.startswith(warning)


def test_includes_and_excludes(tree: Path) -> None:
    watched = Config(
        APP,
        reload=True,
        reload_dirs=["app/src", "ext"],
        reload_includes=["*.html", "*.tmp", "app/css"],
        reload_excludes=["*.tmp", "ext", "app/src"],
    )
    assert watched.reload_dirs == [tree / "app" / "css"]
    assert watched.reload_dirs_excludes == [tree / "ext", tree / "app" / "src"]
    assert watched.reload_includes == ["*.html", "app/css"]
    assert watched.reload_excludes == ["*.tmp", "ext", "app/src"]


def test_files_in_an_excluded_directory_are_not_watched(tree: Path) -> None:
    watched = Config(APP, reload=True, reload_dirs=["app/src", "ext/nested"], reload_excludes="ext")
    assert watched.reload_dirs == [tree / "app" / "src"]


@pytest.mark.parametrize("options", [{"reload_dirs": "app"}, {"reload_includes": "*.x"}, {"reload_excludes": "*.x"}])
def test_options_without_reload_are_warned_of(
    options: dict[str, str], tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unwatched = Config(APP, **options)  # type: ignore[arg-type]  # all of them take a string
    assert unwatched.reload_dirs == []
    assert unwatched.reload_includes == []
    assert unwatched.reload_excludes == []
    assert capsys.readouterr().err == "WARNING:  The options for reloading have no effect, since reloading is off.\n"


def test_the_names_are_found_in_config() -> None:
    assert config.resolve_reload_patterns is resolve_reload_patterns
    assert os.path.isdir(".") == is_dir(Path("."))
