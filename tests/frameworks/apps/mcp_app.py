"""A Model Context Protocol server: `app` over streamable HTTP, `sse_app` over server-sent events.

Run as a program with a port, it starts its own server, over streamable HTTP if the release supports it.
"""

import asyncio
import sys
from typing import Any

try:
    from mcp.server.fastmcp import FastMCP
except ImportError:  # the name since 2.0, in which the port is an argument of run()
    from mcp.server import MCPServer as FastMCP

RENAMED = FastMCP.__name__ != "FastMCP"
PORT: dict[str, Any] = {"port": int(sys.argv[1])} if __name__ == "__main__" else {}
waiting: list[asyncio.Event] = []
server = FastMCP("tests", **({} if RENAMED else PORT))


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def wait() -> str:
    """Answer when another client has called `release`."""
    released = asyncio.Event()
    waiting.append(released)
    print("waiting", file=sys.stderr)
    await released.wait()
    return "released"


@server.tool()
def release() -> int:
    """Let the calls of `wait` answer."""
    for released in waiting:
        released.set()
    return len(waiting)


if __name__ == "__main__":
    transport = "streamable-http" if hasattr(server, "streamable_http_app") else "sse"
    server.run(transport=transport, **(PORT if RENAMED else {}))
else:
    if hasattr(server, "streamable_http_app"):
        app = server.streamable_http_app()
    if hasattr(server, "sse_app"):
        sse_app = server.sse_app()
