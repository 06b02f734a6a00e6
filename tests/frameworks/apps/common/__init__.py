"""One small application, written for each framework.

    GET  /hello/<name>?q=   JSON {"name": ..., "q": ...}
    POST /echo              the body, as it came
    GET  /stream            fifty pieces, "piece 0;" to "piece 49;"
    GET  /started           JSON {"started": ...}: whether the start-up hook ran
    GET  /broken            an exception
    WebSocket /ws           text comes back in capitals, bytes reversed, until "close", which closes with 4001

They keep to what old and new releases of a framework share, since the matrix serves both.
"""
