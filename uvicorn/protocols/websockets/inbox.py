"""The queue of messages that the application has not received yet."""

from collections import deque

from uvicorn.protocols.websockets.codec import Message
from uvicorn.waiters import Waiters


class Inbox:
    """A queue with a high and a low water mark. A cancelled `receive` loses no message.

    Args:
        max_messages: the number of messages at which the queue is full.
        max_bytes: the total length at which the queue is full: bytes, and for text characters.

    Attributes:
        messages: the unread messages, oldest first. A reader that removes one subtracts its length from `size`.
        size: the total length of the messages: bytes, and for text characters.
        waiters: calls of `receive` that wait for a message.
    """

    __slots__ = ("_max_bytes", "_max_messages", "messages", "size", "waiters")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.size = 0
        self.messages: deque[Message] = deque()
        self.waiters = Waiters()

    def put(self, message: Message) -> bool:
        """Add a message. Returns whether the queue is now full."""
        messages = self.messages
        messages.append(message)
        self.size = size = self.size + len(message)
        self.waiters.wake()
        return size >= self._max_bytes or len(messages) >= self._max_messages

    @property
    def drained(self) -> bool:
        """Whether at most a quarter is used. Reading resumes only then, so that it is not paused again at once."""
        return len(self.messages) * 4 <= self._max_messages and self.size * 4 <= self._max_bytes
