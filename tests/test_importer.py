import sys
from pathlib import Path

import pytest

from uvicorn.importer import ImportFromStringError, import_from_string


def test_an_attribute_is_imported() -> None:
    assert import_from_string("tests.test_importer:test_an_attribute_is_imported") is test_an_attribute_is_imported


def test_attributes_may_be_nested() -> None:
    assert import_from_string("collections:OrderedDict.fromkeys").__name__ == "fromkeys"


@pytest.mark.parametrize("thing", [None, import_from_string, 3], ids=["None", "function", "number"])
def test_an_object_that_is_not_a_string_is_returned(thing: object) -> None:
    assert import_from_string(thing) is thing


@pytest.mark.parametrize("text", ["example:", ":app", "example", "", ":", ".example:app", "..:app"])
def test_a_malformed_string(text: str) -> None:
    with pytest.raises(ImportFromStringError) as caught:
        import_from_string(text)
    assert str(caught.value) == f'Import string "{text}" must be in format "<module>:<attribute>".'


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.module", "tests.no_such_module"])
def test_a_missing_module(module: str) -> None:
    with pytest.raises(ImportFromStringError) as caught:
        import_from_string(f"{module}:app")
    assert str(caught.value) == f'Could not import module "{module}".'
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("attribute", ["no_such_attribute", "pytest.no_such_attribute", "pytest..raises"])
def test_a_missing_attribute(attribute: str) -> None:
    with pytest.raises(ImportFromStringError) as caught:
        import_from_string(f"tests.test_importer:{attribute}")
    assert str(caught.value) == f'Attribute "{attribute}" not found in module "tests.test_importer".'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("main", 'Did you mean "main:app"?'),
        ("main.py", 'Did you mean "main:app"?'),
        ("main.app", 'Did you mean "main:app"?'),
        ("main/app", 'Did you mean "main:app"?'),
        ("./src/main.py", 'Did you mean "src.main:app"?'),
        ("no_such_dir\\main.py:api", 'Did you mean "no_such_dir.main:api"?'),
        ("no_such_module.py:app", 'Did you mean "no_such_module:app"?'),
        ("no_such/main:app", 'Did you mean "no_such.main:app"?'),
        (".main:app", 'Did you mean "main:app"?'),
        (":", ""),
        ("tests.test_importer:import_from_sting", "Did you mean 'import_from_string'?"),
        ("tests.test_importer:import_", "Did you mean 'import_from_string'?"),
        (
            "tests.test_importer:test_a_malformed_string()",
            'Did you mean "tests.test_importer:test_a_malformed_string" with --factory?',
        ),
        ("tests.test_importer:Qqq", ""),
        ("tests.test_importer:pytest..raises", ""),
    ],
)
def test_an_error_suggests_a_similar_name(text: str, hint: str) -> None:
    with pytest.raises(ImportFromStringError) as caught:
        import_from_string(text)
    assert caught.value.hint == hint


def test_a_misspelt_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lonely_main.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for module, hint in [
        ("lonely_mian", 'Did you mean "lonely_main"?'),
        ("lonely_mian.web", 'Did you mean "lonely_main.web"?'),
        ("lonely_main.web", f"It was looked for in {tmp_path} first; --app-dir names another directory."),
        ("qqq", f"It was looked for in {tmp_path} first; --app-dir names another directory."),
    ]:
        with pytest.raises(ImportFromStringError) as caught:
            import_from_string(f"{module}:app")
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_dependency", ModuleNotFoundError),
        ("raise ModuleNotFoundError('of its own')", ModuleNotFoundError),
        ("raise ImportError('of its own')", ImportError),
        ("raise ValueError('of its own')", ValueError),
        ("this is no Python", SyntaxError),
    ],
)
def test_an_error_inside_the_module_is_left_as_it_is(
    source: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_module.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing_module", raising=False)
    with pytest.raises(error):
        import_from_string("failing_module:app")
