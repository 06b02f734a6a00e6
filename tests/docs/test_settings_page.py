"""docs/settings.md lists every option. `python -m tests.docs.test_settings_page` writes its tables again."""

import re
from collections.abc import Iterator

import pytest

from tests.processes import ROOT
from uvicorn.config import Config
from uvicorn.config.kinds import Flag
from uvicorn.config.schema import Group, Option
from uvicorn.config.table import OPTIONS

PAGE = ROOT / "docs" / "settings.md"
COMMAND_LINE_HEAD = ["| Option, environment | Default | Accepted | Meaning |", "|---|---|---|---|"]
PYTHON_HEAD = ["| Parameter | Accepted | Meaning |", "|---|---|---|"]


def escaped(text: str) -> str:
    # Only characters that the original Markdown can escape. Before any other character, the backslash would be visible.
    return re.sub(r"([*|_\[\]>])", r"\\\1", text)


def accepted(option: Option) -> str:
    # The text above the tables lists the words for a boolean once.
    expected = option.kind.expected
    return escaped(expected.partition(":")[0] if isinstance(option.kind, Flag) else expected)


def row(option: Option) -> str:
    if option.group is Group.API:
        default = f" The default is {option.default_text}." if option.default_text else ""
        cells = [f"`{option.name}`{{ #{option.name} }}", accepted(option), escaped(option.help) + default]
    else:
        # The names are below each other, because a page is too narrow for two columns of long names.
        names = [*option.declaration.split("/"), option.environment_variable]
        default = "off" if option.default is False else escaped(option.default_text)
        # The flag is the anchor: settings.md#--port.
        anchored = f"`{names[0]}`{{ #{names[0]} }}"
        cells = [
            "<br>".join([anchored, *(f"`{name}`" for name in names[1:])]),
            default,
            accepted(option),
            escaped(option.help),
        ]
    return "| " + " | ".join(cells) + " |"


def table(group: Group) -> list[str]:
    head = PYTHON_HEAD if group is Group.API else COMMAND_LINE_HEAD
    return [*head, *(row(option) for option in OPTIONS.values() if option.group is group)]


def sections() -> Iterator[tuple[str, list[str]]]:
    """Split the page into its headings and the lines below each heading."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        yield heading, text.splitlines()


def test_the_headings_are_the_groups_of_options() -> None:
    assert [heading for heading, _ in sections()] == [group.value for group in Group]


@pytest.mark.parametrize("group", Group, ids=lambda group: group.value)
def test_the_table_of_a_group(group: Group) -> None:
    lines = dict(sections())[group.value]
    first = lines.index(table(group)[0])
    written = [line for line in lines[first:] if line.startswith("|")]
    assert written == table(group), "run: python -m tests.docs.test_settings_page"


def test_the_tasks_name_options() -> None:
    intro = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    flags = {name for option in OPTIONS.values() for name in option.declaration.split("/")}
    linked = re.findall(r"\[`(--[\w-]+)`\]\(#([\w-]+)\)", intro)
    assert linked
    assert all(name == anchor and name in flags for name, anchor in linked)


def test_the_examples_are_accepted() -> None:
    config = Config("main:app", port=9000, log_level="debug")
    assert (config.port, config.log_level) == (9000, "debug")
    assert OPTIONS["reload_dirs"].declaration == "--reload-dir"
    assert OPTIONS["reload_dirs"].environment_variable == "UVICORN_RELOAD_DIRS"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("\n## ")[0].rstrip() + "\n"
    for heading, lines in sections():
        # A table with a different head is part of the text and stays.
        prose = "\n".join(lines[: lines.index(table(Group(heading))[0])]).strip()
        text += "\n".join([f"\n## {heading}\n", *([f"{prose}\n"] if prose else []), *table(Group(heading)), ""])
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
