"""A server of the Model Context Protocol, made with FastMCP."""

from fastmcp import FastMCP

mcp = FastMCP("sums")


@mcp.tool
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


app = mcp.http_app()
