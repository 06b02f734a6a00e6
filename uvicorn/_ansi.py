"""Colours for a terminal: Select Graphic Rendition (ECMA-48, section 8.3.117)."""

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_FOREGROUND = {name: f"\x1b[{30 + number}m" for number, name in enumerate(_COLOURS)} | {
    f"bright_{name}": f"\x1b[{90 + number}m" for number, name in enumerate(_COLOURS)
}


def style(text: object, fg: str | None = None, bold: bool | None = False) -> str:
    """Return the text with a colour and a reset around it.

    Args:
        text: what is shown.
        fg: one of the eight colours of ECMA-48, or "bright_" and one of them.
        bold: whether it is bold.

    Raises:
        KeyError: there is no such colour.
    """
    return f"{_FOREGROUND[fg] if fg else ''}{_BOLD if bold else ''}{text}{_RESET}"
