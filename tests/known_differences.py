"""The one list of wire cases that a parser cannot meet, each with the reason. The goal is an empty list.

A test of a case in this list must fail. If it passes, the entry is no longer true, and that is an error.
"""

# (id of the case, name of the parser) -> the library that prevents the right answer, and why.
KNOWN_DIFFERENCES: dict[tuple[str, str], str] = {}
