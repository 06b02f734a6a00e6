"""Draws docs/images/instructions.svg from the table of docs/benchmarks.md.

`--check` fails if the picture differs from the table.
"""

import argparse
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "images" / "instructions.svg"
COLOURS = {"ours": "#00897b", "uvicorn-0.54": "#b0bec5"}
# Shorter names for the longest cases.
SHORT = {
    "plain `GET /`, default options": "GET, default options",
    "`GET /` with a browser's 12 headers": "GET, a browser's 12 headers",
    "the same, and a 13th that is never the same": "the same, and a 13th that changes",
    "`POST` of 1 KiB JSON, echoed": "POST of 1 KiB, echoed",
    "10 chunks of 100 bytes": "response in 10 chunks",
}
NAMES = {"ours": "this server", "uvicorn-0.54": "uvicorn 0.54"}

WIDTH, LEFT, RIGHT = 760, 270, 70
BAR, GAP, TOP = 14, 14, 62


def read_table() -> list[tuple[str, dict[str, float]]]:
    """Read the cases of the table of instructions, with the figure of each server."""
    lines = PAGE.read_text(encoding="utf-8").partition("<!-- instructions: begin -->\n")[2].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[: lines.index("")]]
    return [(row[0], {name: float(row[head.index(name)].replace(",", "")) for name in COLOURS}) for row in rows]


def draw(table: list[tuple[str, dict[str, float]]]) -> str:
    most = max(max(figures.values()) for _, figures in table)
    height = TOP + len(table) * (2 * BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13">',
        "<title>Thousand instructions per request, this server and uvicorn 0.54</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="24" font-size="15" font-weight="600" fill="#263238">'
        "Thousand instructions per request (less is better)</text>",
    ]
    for index, (server, colour) in enumerate(COLOURS.items()):
        x = 16 + index * 130
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="47" fill="#263238">{NAMES[server]}</text>')
    for row, (case, figures) in enumerate(table):
        y = TOP + row * (2 * BAR + GAP)
        label = escape(SHORT.get(case, case).replace("`", ""))
        parts.append(f'<text x="{LEFT - 10}" y="{y + BAR + 5}" text-anchor="end" fill="#263238">{label}</text>')
        for index, (server, colour) in enumerate(COLOURS.items()):
            cost = figures[server]
            width = cost / most * (WIDTH - LEFT - RIGHT)
            top = y + index * BAR
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR - 1}" fill="{colour}"/>')
            parts.append(
                f'<text x="{LEFT + width + 6:.1f}" y="{top + 11}" font-size="11" fill="#263238">{cost:g}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    picture = draw(read_table())
    if not parser.parse_args().check:
        PICTURE.write_text(picture, encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != picture:
        sys.exit("docs/images/instructions.svg is out of date: python benchmarks/chart.py")


if __name__ == "__main__":
    main()
