"""WebSocket frames made by hand, so that they can be invalid (RFC 6455 section 5.2)."""

import zlib
from dataclasses import dataclass

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = KEY,
    width: int | None = None,
    length: int | None = None,
) -> bytes:
    """A frame of a client.

    Args:
        opcode: a number of four bits.
        payload: the payload before masking.
        fin: whether the frame is the last one of its message.
        rsv: the reserved bits: 4 for RSV1, 2 for RSV2, 1 for RSV3.
        mask: None for an unmasked frame.
        width: the bytes of the extended length (0, 2 or 8); the shortest form by default.
        length: the announced length; the length of the payload by default.
    """
    size = len(payload) if length is None else length
    if width is None:
        width = 0 if size < 126 else 2 if size < 1 << 16 else 8
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    second = (0x80 if mask is not None else 0) | {0: size, 2: 126, 8: 127}[width]
    data = bytes([first, second]) + (size.to_bytes(width, "big") if width else b"")
    if mask is None:
        return data + payload
    return data + mask + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Combine each byte with the next byte of the key, in turn (RFC 6455 section 5.3)."""
    repeated = mask * (len(payload) // 4 + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[: len(payload)], "big")).to_bytes(
        len(payload), "big"
    )


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame of a client."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def deflated(payload: bytes, bits: int = 15) -> bytes:
    """`payload` as one whole compressed message (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(9, wbits=-bits)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@dataclass(frozen=True)
class ServerFrame:
    """A frame that the server sent."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int | None:
        """The code in a close frame."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None

    @property
    def reason(self) -> str:
        """The reason in a close frame."""
        return self.payload[2:].decode()


def take_frame(data: bytearray) -> ServerFrame | None:
    """Take the first frame of the server and check it: unmasked, with its length in the shortest form.

    Returns:
        None if the frame is not complete.
    """
    if len(data) < 2:
        return None
    first, second = data[0], data[1]
    assert second < 0x80, "a server must not mask"
    width = {126: 2, 127: 8}.get(second, 0)
    if len(data) < 2 + width:
        return None
    size = int.from_bytes(data[2 : 2 + width], "big") if width else second
    assert width == (0 if size < 126 else 2 if size < 1 << 16 else 8), "the length is not in its shortest form"
    end = 2 + width + size
    if len(data) < end:
        return None
    taken = ServerFrame(first & 0x0F, bytes(data[2 + width : end]), bool(first & 0x80), first >> 4 & 7)
    del data[:end]
    return taken


def read_frames(data: bytes) -> list[ServerFrame]:
    """The frames of the server, which must all be complete."""
    rest = bytearray(data)
    frames = []
    while rest:
        taken = take_frame(rest)
        assert taken is not None, "a frame is cut off"
        frames.append(taken)
    return frames
