"""What the supervisor and a worker say to each other over their pipe."""

import enum


class Message(bytes, enum.Enum):
    """One message; each stands alone."""

    # From the supervisor.
    PING = b"ping"
    RETIRE = b"retire"  # A replacement serves: stop accepting, and end when the connections have.
    STOP = b"stop"  # Shut down. Where there are signals, SIGTERM says it.
    FORCE = b"force"  # Shut down without waiting for anything.

    # From the worker.
    PONG = b"pong"
    READY = b"ready"  # It accepts connections.
    LIMIT = b"limit"  # It has served its maximum of requests, and serves on until its replacement is ready.
