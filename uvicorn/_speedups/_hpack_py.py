"""HPACK, the compression of field sections (RFC 7541): one source, run as it is or compiled as `_hpack_c`.

A decoder gives `HeaderField` objects. Those of the tables are given again each time that the peer refers to them, so
what was found out about a field stays with it: a field that is repeated is neither decoded nor judged again.

An encoder indexes what repeats. A field is put into the table when it is written for the second time; one that is
always new (a trace id, the length of a body) never drives others out.

Rule of the compiled modules: every pass of a loop over input consumes bytes, changes the state or raises.
"""

from uvicorn._speedups._scan_py import join
from uvicorn._speedups.errors import HpackError
from uvicorn._speedups.hpack_tables import (
    HUFFMAN_CODES,
    HUFFMAN_ENDS,
    HUFFMAN_LENGTHS,
    HUFFMAN_OFFSETS,
    HUFFMAN_SYMBOLS,
    LONGEST_CODE,
    SHORT_LENGTHS,
    SHORT_SYMBOLS,
    STATIC_NAMES,
    STATIC_TABLE,
)

# Bytes of a dynamic table, and what an entry counts beside its name and value (RFC 7541 section 4.1).
TABLE_SIZE = 4096
ENTRY_OVERHEAD = 32

# The kind of a field that was not judged. The other kinds belong to the reader of requests.
UNJUDGED = -1

# Larger integers are refused: no block is that long.
_MAX_INTEGER = 1 << 28

# A secret below this size could be guessed whole (RFC 7541 section 7.1.3).
_GUESSABLE = 20
_SENSITIVE = frozenset((b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"))

# How many hashes of fields that were written without an index are remembered, in each of two generations.
_SEEN = 16

# Each byte as a bytes object: blocks are joined from these.
_BYTES = [bytes((byte,)) for byte in range(256)]

# Name -> its literal form. Once the dict is full, nothing is added.
_name_literals: dict[bytes, bytes] = {}
_NAME_LITERALS_MAX = 1024


class HeaderField:
    """A field of a section, or an entry of a table.

    Attributes:
        field: (name, value).
        size: as RFC 7541 section 4.1 counts it.
        kind: what it decides about, UNJUDGED until the reader of requests has looked at it.
        meaning: what its value was parsed to.
        number: in an encoder's table, the count of entries up to this one.
    """

    __slots__ = ("field", "kind", "meaning", "number", "size")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.field = (name, value)
        self.size = len(name) + len(value) + ENTRY_OVERHEAD
        self.kind = UNJUDGED
        self.meaning: object = None
        self.number = 0


def new_field(name: bytes, value: bytes) -> HeaderField:
    """A field that was not judged. Compiled modules cannot import a class from each other, only functions."""
    return HeaderField(name, value)


# The static table, shared by all decoders.
_static = [HeaderField(name, value) for name, value in STATIC_TABLE]
_STATIC_SIZE = len(_static)
# Status -> its representation.
_STATIC_STATUSES = {
    int(value): _BYTES[0x80 | index] for index, (name, value) in enumerate(STATIC_TABLE, 1) if name == b":status"
}


def list_static_fields() -> list[HeaderField]:
    """The fields of the static table, to be judged once for all connections."""
    return _static


def decode_huffman(data: bytes, start: int, stop: int) -> bytes:
    """Decode `data[start:stop]` (RFC 7541 section 5.2).

    Raises:
        HpackError: EOS is in it, or it does not end with less than eight ones.
    """
    buf = data
    symbols, lengths = SHORT_SYMBOLS, SHORT_LENGTHS
    # No code is shorter than five bits.
    decoded = bytearray((stop - start) * 8 // 5)
    out = decoded
    size = 0
    bits = 0
    count = 0
    for pos in range(start, stop):
        bits = bits << 8 | buf[pos]
        count += 8
        # Each pass takes the bits of a code, or is the last.
        while count >= 8:
            window = bits >> count - 8 & 255
            length = lengths[window]
            if length:
                out[size] = symbols[window]
            else:
                length = 9
                while length <= count and length <= LONGEST_CODE:
                    code = bits >> count - length
                    if code < HUFFMAN_ENDS[length]:
                        break
                    length += 1
                if length > LONGEST_CODE:
                    raise HpackError("the end of a Huffman-coded string within it")
                if length > count:
                    break
                out[size] = HUFFMAN_SYMBOLS[code - HUFFMAN_OFFSETS[length]]
            size += 1
            count -= length
            bits &= (1 << count) - 1
    # Each pass takes the bits of a code, or is the last.
    while count:
        if count >= 8:
            raise HpackError("a Huffman-coded string ends within a code")
        window = (bits << 8 - count | 255 >> count) & 255
        length = lengths[window]
        if not length or length > count:
            break
        out[size] = symbols[window]
        size += 1
        count -= length
        bits &= (1 << count) - 1
    if bits != (1 << count) - 1:
        raise HpackError("the padding of a Huffman-coded string is not ones")
    return bytes(out[:size])


def encode_huffman(data: bytes, size: int) -> bytes:
    """Encode the bytes; their Huffman code takes `size` bytes."""
    lengths = HUFFMAN_LENGTHS
    encoded = bytearray(size)
    out = encoded
    bits = 0
    count = 0
    pos = 0
    for byte in data:
        length = lengths[byte]
        code = HUFFMAN_CODES[byte]
        bits = bits << length | code
        count += length
        # Each pass takes eight bits.
        while count >= 8:
            count -= 8
            out[pos] = bits >> count & 255
            pos += 1
        bits &= (1 << count) - 1
    if count:
        out[pos] = bits << 8 - count | 255 >> count
    return bytes(encoded)


def huffman_size(data: bytes) -> int:
    """How many bytes the Huffman code of the bytes takes."""
    lengths = HUFFMAN_LENGTHS
    bits = 0
    for byte in data:
        bits += lengths[byte]
    return bits + 7 >> 3


def _write_integer(out: list[bytes], first: int, prefix: int, value: int) -> None:
    """Write an integer behind the bits of a representation (section 5.1)."""
    if value < prefix:
        out.append(_BYTES[first | value])
        return
    out.append(_BYTES[first | prefix])
    value -= prefix
    # Each pass writes seven bits.
    while value >= 0x80:
        out.append(_BYTES[value & 0x7F | 0x80])
        value >>= 7
    out.append(_BYTES[value])


def _write_string(out: list[bytes], data: bytes) -> None:
    """Write a string literal, in its shorter form (section 5.2)."""
    size = huffman_size(data)
    if size < len(data):
        _write_integer(out, 0x80, 0x7F, size)
        out.append(encode_huffman(data, size))
    else:
        _write_integer(out, 0, 0x7F, len(data))
        out.append(data)


def _get_name_literal(name: bytes) -> bytes:
    """The string literal of a name."""
    literal = _name_literals.get(name)
    if literal is None:
        out: list[bytes] = []
        _write_string(out, name)
        if len(_name_literals) >= _NAME_LITERALS_MAX:
            _name_literals.clear()
        literal = _name_literals[name] = join(out)
    return literal


class Decoder:
    """Decodes the field blocks that one peer sends, in their order.

    Args:
        limit_fields: of a section.
        limit_size: bytes of a section, each field counted with ENTRY_OVERHEAD.

    Attributes:
        max_table_size: the size of the table that our settings allow the peer.
        exceeded: whether the last section was over the limits.
    """

    __slots__ = (
        "exceeded",
        "limit_fields",
        "limit_size",
        "max_table_size",
        "pos",
        "table",
        "table_limit",
        "table_size",
    )

    def __init__(self, limit_fields: int, limit_size: int) -> None:
        self.limit_fields = limit_fields
        self.limit_size = limit_size
        self.max_table_size = TABLE_SIZE
        self.exceeded = False
        # The newest comes last.
        self.table: list[HeaderField] = []
        self.table_size = 0
        self.table_limit = TABLE_SIZE
        self.pos = 0

    def decode(self, block: bytes) -> list[HeaderField]:
        """The fields of a block; none if they exceed the limits: then the block only updates the table.

        Nothing is copied here, so that a bomb of references takes 8 bytes for each of its own until its end is known.

        Raises:
            HpackError: nothing can be decoded after it.
        """
        fields: list[HeaderField] = []
        table = self.table
        section_size = 0
        buf = block
        pos = 0
        size = len(block)
        # Each pass takes a representation (section 6).
        while pos < size:
            first = buf[pos]
            pos += 1
            if first >= 0x80:
                index = first & 0x7F
                if index == 0x7F:
                    index = self._read_integer(block, pos, 0x7F)
                    pos = self.pos
                if index > _STATIC_SIZE and index - _STATIC_SIZE <= len(table):
                    field = table[len(table) + _STATIC_SIZE - index]
                else:
                    field = self._get(index)
            elif first & 0xE0 == 0x20:
                if fields:
                    raise HpackError("a table size update after the beginning of a block")
                self._update_size(block, pos, first & 0x1F)
                pos = self.pos
                continue
            else:
                field = self._read_literal(block, pos, first)
                pos = self.pos
                if first & 0x40:
                    self._add(field)
            section_size += field.size
            fields.append(field)
        self.exceeded = section_size > self.limit_size or len(fields) > self.limit_fields
        return [] if self.exceeded else fields

    def _get(self, index: int) -> HeaderField:
        """The entry of an index (section 2.3.3)."""
        if 0 < index <= _STATIC_SIZE:
            return _static[index - 1]
        index -= _STATIC_SIZE
        if not 0 < index <= len(self.table):
            raise HpackError("an index that no table has")
        return self.table[len(self.table) - index]

    def _read_integer(self, block: bytes, pos: int, prefix: int) -> int:
        """The integer whose prefix was full; leaves `pos` after it (section 5.1)."""
        value = prefix
        shift = 0
        # Each pass takes a byte.
        while pos < len(block) and shift <= 28:
            byte = block[pos]
            pos += 1
            value += (byte & 0x7F) << shift
            if value > _MAX_INTEGER:
                break
            if byte < 0x80:
                self.pos = pos
                return value
            shift += 7
        raise HpackError("an integer that is too large, or without its end")

    def _update_size(self, block: bytes, pos: int, limit: int) -> None:
        """Take a dynamic table size update (section 6.3)."""
        self.pos = pos
        if limit == 0x1F:
            limit = self._read_integer(block, pos, 0x1F)
        if limit > self.max_table_size:
            raise HpackError("a table size above the maximum")
        self.table_limit = limit
        self._evict()

    def _read_literal(self, block: bytes, pos: int, first: int) -> HeaderField:
        """The field of a literal representation (section 6.2)."""
        prefix = 0x3F if first & 0x40 else 0x0F
        index = first & prefix
        self.pos = pos
        if index == prefix:
            index = self._read_integer(block, pos, prefix)
        if index:
            name = self._get(index).field[0]
        else:
            name = self._read_string(block)
        return HeaderField(name, self._read_string(block))

    def _read_string(self, block: bytes) -> bytes:
        """The string literal at `pos` (section 5.2)."""
        pos = self.pos
        if pos >= len(block):
            raise HpackError("a block that ends within a field")
        first = block[pos]
        pos += 1
        length = first & 0x7F
        if length == 0x7F:
            length = self._read_integer(block, pos, 0x7F)
            pos = self.pos
        if length > len(block) - pos:
            raise HpackError("a string that is longer than its block")
        self.pos = pos + length
        if first & 0x80:
            return decode_huffman(block, pos, pos + length)
        return block[pos : pos + length]

    def _add(self, field: HeaderField) -> None:
        """Put a field into the table (section 4.4)."""
        self.table.append(field)
        self.table_size += field.size
        if self.table_size > self.table_limit:
            self._evict()

    def _evict(self) -> None:
        """Drop the oldest entries until the others have room (section 4.3)."""
        dropped = 0
        # Each pass drops an entry; without entries the size is 0.
        while self.table_size > self.table_limit:
            self.table_size -= self.table[dropped].size
            dropped += 1
        del self.table[:dropped]


def new_decoder(limit_fields: int, limit_size: int) -> Decoder:
    """As `new_field`."""
    return Decoder(limit_fields, limit_size)


class Encoder:
    """Encodes the field sections that one peer is sent, in their order."""

    __slots__ = (
        "added",
        "changes",
        "default_fields",
        "default_headers",
        "dropped",
        "index",
        "last_block",
        "last_changes",
        "last_fields",
        "last_status",
        "lowest_limit",
        "seen",
        "seen_before",
        "table",
        "table_limit",
        "table_size",
    )

    def __init__(self) -> None:
        # (name, value) -> field, and name -> its newest field, of the fields in the table.
        self.index: dict[object, HeaderField] = {}
        # The newest comes last. The entry of number n is table[n - dropped - 1].
        self.table: list[HeaderField] = []
        self.added = 0
        self.dropped = 0
        self.table_size = 0
        self.table_limit = TABLE_SIZE
        # The lowest limit since the last block, -1 if it was not changed.
        self.lowest_limit = -1
        # The last default headers in the form of the wire: they stay the same for a second.
        self.default_headers: object = None
        self.default_fields: list[HeaderField] = []
        # Counts what may have changed the table: literals and limits.
        self.changes = 0
        # The last head of a response, and its block. It can be sent again while `changes` is `last_changes`.
        self.last_status = 0
        self.last_fields: list[HeaderField] = []
        self.last_block = b""
        self.last_changes = 0
        self.seen: set[int] = set()
        self.seen_before: set[int] = self.seen

    def set_table_size(self, limit: int) -> None:
        """The peer allows a table of that many bytes (SETTINGS_HEADER_TABLE_SIZE)."""
        limit = min(limit, TABLE_SIZE)
        if limit != self.table_limit:
            self.table_limit = limit
            self.changes += 1
            if self.lowest_limit < 0 or limit < self.lowest_limit:
                self.lowest_limit = limit
            self._evict()

    def find(self, field: tuple[bytes, bytes]) -> HeaderField | None:
        """The field of the table that equals a (lower-cased name, value), or None."""
        return self.index.get(field)

    def encode(self, status: int, fields: list[HeaderField]) -> bytes:
        """The block of a field section.

        Args:
            status: of the response whose head it is; 0 for trailers.
        """
        # Fields are compared by identity. Of a response that repeats, this saves 1,500 instructions.
        if status == self.last_status and self.changes == self.last_changes and fields == self.last_fields:
            return self.last_block
        changes = self.changes
        out: list[bytes] = []
        if self.lowest_limit >= 0:
            self._announce_size(out)
        if status:
            self._write_status(out, status)
        for field in fields:
            if field.number > self.dropped:
                self._write_index(out, field)
            else:
                self._write_literal(out, field)
        block = join(out)
        if status >= 200:
            self.last_status = status
            self.last_fields = fields
            self.last_block = block
            self.last_changes = changes
        return block

    def _write_status(self, out: list[bytes], status: int) -> None:
        known = _STATIC_STATUSES.get(status)
        if known is not None:
            out.append(known)
            return
        pair = (b":status", b"%d" % status)
        field = self.index.get(pair)
        if field is None:
            self._write_literal(out, HeaderField(*pair))
        else:
            self._write_index(out, field)

    def _write_index(self, out: list[bytes], field: HeaderField) -> None:
        """Write a field that the table has (section 6.1)."""
        _write_integer(out, 0x80, 0x7F, _STATIC_SIZE + 1 + self.added - field.number)

    def _announce_size(self, out: list[bytes]) -> None:
        """The lowest size, then the last one (section 4.2)."""
        if self.lowest_limit < self.table_limit:
            _write_integer(out, 0x20, 0x1F, self.lowest_limit)
        _write_integer(out, 0x20, 0x1F, self.table_limit)
        self.lowest_limit = -1
        self.changes += 1

    def _write_literal(self, out: list[bytes], field: HeaderField) -> None:
        """Write a field that the table does not have, and put it there if it repeats."""
        self.changes += 1
        name, value = field.field
        if name in _SENSITIVE and len(value) < _GUESSABLE:
            first, prefix = 0x10, 0x0F
        elif self._repeats(field):
            first, prefix = 0x40, 0x3F
        else:
            first, prefix = 0x00, 0x0F
        static = STATIC_NAMES.get(name)
        if static is not None:
            _write_integer(out, first, prefix, static)
        else:
            known = self.index.get(name)
            if known is not None:
                _write_integer(out, first, prefix, _STATIC_SIZE + 1 + self.added - known.number)
            else:
                out.append(_BYTES[first])
                out.append(_get_name_literal(name))
        _write_string(out, value)
        if first == 0x40:
            self._add(field)

    def _repeats(self, field: HeaderField) -> bool:
        """Whether a field was written a short while ago, and leaves room for others in the table."""
        if field.size > self.table_limit >> 1:
            return False
        code = hash(field.field)
        if code in self.seen or code in self.seen_before:
            return True
        if len(self.seen) >= _SEEN:
            self.seen_before = self.seen
            self.seen = set()
        self.seen.add(code)
        return False

    def _add(self, field: HeaderField) -> None:
        self.table.append(field)
        self.added += 1
        field.number = self.added
        self.index[field.field] = self.index[field.field[0]] = field
        self.table_size += field.size
        self._evict()

    def _evict(self) -> None:
        """Drop the oldest entries until the others have room (section 4.3)."""
        dropped = 0
        # Each pass drops an entry; without entries the size is 0.
        while self.table_size > self.table_limit:
            field = self.table[dropped]
            self.table_size -= field.size
            dropped += 1
            if self.index.get(field.field) is field:
                del self.index[field.field]
            if self.index.get(field.field[0]) is field:
                del self.index[field.field[0]]
        self.dropped += dropped
        del self.table[:dropped]


def new_encoder() -> Encoder:
    """As `new_field`."""
    return Encoder()
