"""The parsers of connections that are alike: an idle connection needs none, and a parser is most of its memory."""

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.parser import RequestParser
    from uvicorn.protocols.http.protocol import HTTPProtocol

# Parsers that may rest with idle connections, and how many holders are asked for theirs before a new one is made.
RESTING_MAX = 256
_ASKED_MAX = 8


class ParserPool:
    """Hands parsers on from connections that are idle to those that have something to parse.

    A connection keeps the parser that it got; only where many have one, those that got theirs first are asked for it.
    So a server with few connections hands none on, and one with many idle ones has memory for the busy ones' alone.
    """

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        # In the order in which they got theirs, or were asked for it.
        self._holders: dict[HTTPProtocol, None] = {}

    def take(self, connection: "HTTPProtocol") -> "RequestParser":
        """A parser for the connection, which holds it from now on."""
        holders = self._holders
        parser = None
        if len(holders) >= RESTING_MAX:
            for holder in tuple(islice(holders, _ASKED_MAX)):
                del holders[holder]
                parser = holder.give_parser()
                if parser is not None:
                    parser.builder.attach(connection)
                    break
                holders[holder] = None
        holders[connection] = None
        return connection.make_parser() if parser is None else parser

    def forget(self, connection: "HTTPProtocol") -> None:
        """Count on a connection no longer. Its parser, left in the middle of something perhaps, goes with it."""
        self._holders.pop(connection, None)
