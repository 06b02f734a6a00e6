"""An open WebSocket: gives the bytes of the peer to the codec, and handles its events. `protocol.py` makes it."""

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.websockets.codec import Codec, Failed, PeerClosed, Pong
from uvicorn.protocols.websockets.inbox import Inbox
from uvicorn.protocols.websockets.keepalive import Keepalive


class Session:
    """The objects that exist from the accepted handshake on.

    Args:
        codec: reads and writes the frames of this connection.
        inbox: the queue of received messages.
        keepalive: decides when to send pings; None without pings.
        transport: where pongs and close frames are written.
        flow: pauses reading while the inbox is full, or while the peer does not take our pongs.
    """

    __slots__ = ("_flow", "_inbox", "_replies_unsent", "_transport", "codec", "keepalive")

    def __init__(
        self,
        codec: Codec,
        inbox: Inbox,
        keepalive: Keepalive | None,
        transport: asyncio.Transport,
        flow: FlowControl,
    ) -> None:
        self.codec = codec
        self.keepalive = keepalive
        self._inbox = inbox
        self._transport = transport
        self._flow = flow
        self._replies_unsent = False

    def feed(self, data: bytes, taking: bool) -> PeerClosed | Failed | None:
        """Read bytes of the peer.

        Args:
            data: the bytes.
            taking: whether messages are put into the inbox. Otherwise they are dropped.

        Returns:
            The event that ends the connection, or None.
        """
        codec = self.codec
        full = False
        end: PeerClosed | Failed | None = None
        for event in codec.feed(data):
            if type(event) is str or type(event) is bytes:
                if taking:
                    full = self._inbox.put(event)
            elif isinstance(event, Pong):
                if self.keepalive is not None:
                    self.keepalive.pong()
            else:
                # No event follows this one.
                end = event  # type: ignore[assignment]  # mypy does not see that str and bytes are not subclassed
        if codec.replies:
            self._send_replies()
        # After the last event, reading is not paused: we still wait for the close frame or the end of the connection.
        if full and end is None:
            self._flow.pause_reading()
        return end

    def _send_replies(self) -> None:
        replies = self.codec.replies
        self._transport.write(replies[0] if len(replies) == 1 else b"".join(replies))
        replies.clear()
        if self._flow.write_paused:
            # Do not read more pings from a peer that does not take our pongs.
            self._replies_unsent = True
            self._flow.pause_reading()

    def resume_writing(self) -> None:
        """Called when the transport has room again."""
        if self._replies_unsent:
            self._replies_unsent = False
            self.resume_reading()

    def resume_reading(self) -> None:
        """Resume reading if the inbox has room and the peer has taken our pongs."""
        if self._inbox.drained and not self._replies_unsent:
            self._flow.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and resume reading.

        The answer of the peer can come after messages that the application did not take.
        """
        self._transport.write(self.codec.close(code, reason))
        self._flow.resume_reading()
