"""ASGI applications that wrap the user's."""
