"""An open WebSocket: the peer's bytes become messages, pongs and an end. Pings and close frames are answered here."""

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.websockets.codec import Codec, Failed, PeerClosed, Pong
from uvicorn.protocols.websockets.inbox import Inbox
from uvicorn.protocols.websockets.keepalive import Keepalive


class Session:
    """What there is from the accepted handshake on.

    Args:
        codec: of this connection.
        inbox: takes the messages.
        keepalive: if the peer is pinged.
        transport: takes pongs and answers to close frames.
        flow: pauses when the inbox is full, or the peer does not take what it has asked for.
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
        """Take the peer's bytes, their messages only while they are wanted; the end, if they have it."""
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
                # The last event.
                end = event  # type: ignore[assignment]  # mypy does not see that str and bytes are not subclassed
        if codec.replies:
            self._send_replies()
        # At the end of a connection reading goes on: close frames have to arrive.
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
        """The transport has room again."""
        if self._replies_unsent:
            self._replies_unsent = False
            self.resume_reading()

    def resume_reading(self) -> None:
        """Go on reading, once the application has room for messages and the peer has taken its answers."""
        if self._inbox.drained and not self._replies_unsent:
            self._flow.resume_reading()

    def close(self, code: int, reason: str) -> None:
        """Send the close frame, and read on: the peer's answer comes after what the application did not read."""
        self._transport.write(self.codec.close(code, reason))
        self._flow.resume_reading()
