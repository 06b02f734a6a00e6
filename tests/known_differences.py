"""The one list of wire cases that a parser cannot meet, each with the reason. The goal is an empty list.

A test of a case in this list must fail: an entry that is no longer true is an error.
"""

# (id of the case, name of the parser) -> which library forbids the right answer, and why.
KNOWN_DIFFERENCES: dict[tuple[str, str], str] = {}
