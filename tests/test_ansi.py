import pytest

from uvicorn._ansi import style


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "x\x1b[0m"),
        (("cyan",), "\x1b[36mx\x1b[0m"),
        (("bright_red",), "\x1b[91mx\x1b[0m"),
        ((None, True), "\x1b[1mx\x1b[0m"),
        (("cyan", True), "\x1b[36m\x1b[1mx\x1b[0m"),
    ],
)
def test_a_style_and_a_reset(arguments: tuple[object, ...], text: str) -> None:
    assert style("x", *arguments) == text  # type: ignore[arg-type]  # from a table


def test_an_unknown_colour() -> None:
    with pytest.raises(KeyError, match="ultraviolet"):
        style("x", "ultraviolet")
