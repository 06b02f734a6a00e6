"""The ASGI lifespan protocol: telling the application that the server starts and stops."""
