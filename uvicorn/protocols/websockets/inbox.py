"""The messages that the application has not received."""

from collections import deque

from uvicorn.protocols.websockets.codec import Message
from uvicorn.waiters import Waiters


class Inbox:
    """A queue with a high and a low water mark. A cancelled reader loses nothing: messages stay until they are taken.

    Args:
        max_messages, max_bytes: that many of either (of text: characters) fill it.

    Attributes:
        messages: what is unread. Who takes one off the left takes its length off `size`.
        size: bytes of all of them (of text: characters).
        waiters: woken when there is a message.
    """

    __slots__ = ("_max_bytes", "_max_messages", "messages", "size", "waiters")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.size = 0
        self.messages: deque[Message] = deque()
        self.waiters = Waiters()

    def put(self, message: Message) -> bool:
        """Whether it is full now."""
        messages = self.messages
        messages.append(message)
        self.size = size = self.size + len(message)
        self.waiters.wake()
        return size >= self._max_bytes or len(messages) >= self._max_messages

    @property
    def drained(self) -> bool:
        """Whether reading should go on: a quarter is left, so that it does not flap."""
        return len(self.messages) * 4 <= self._max_messages and self.size * 4 <= self._max_bytes
