"""HPACK, the compression of field sections (RFC 7541). This source runs as it is, and compiled as `_hpack_c`.

A decoder returns `HeaderField` objects. If the peer refers to an entry of a table, the object of this entry is returned
again, with everything that was found out about it. So a repeated field is neither decoded nor judged again.

An encoder puts a field into the table when the field is written for the second time. So a field whose value is always
new, such as a trace id or the length of a body, never pushes other fields out.

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

# The size of a dynamic table in bytes, and the bytes that each entry counts besides its name and value (RFC 7541
# section 4.1).
TABLE_SIZE = 4096
ENTRY_OVERHEAD = 32

# The kind of a field that `FieldsReader` has not judged yet. `_http2_fields_py.py` has the other kinds.
UNJUDGED = -1

# Larger integers are refused, because no block is that long.
_MAX_INTEGER = 1 << 28

# Values of these fields that are shorter than this could be guessed, so they are never put into the table (RFC 7541
# section 7.1.3).
_GUESSABLE = 20
_SENSITIVE = frozenset((b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"))

# The encoder remembers the hashes of fields that were written once, in two sets of this size. When the newer set is
# full, the older one is dropped.
_SEEN = 16

# Each byte as a bytes object, from which blocks are joined.
_BYTES = [bytes((byte,)) for byte in range(256)]

# Name -> its string literal. A full dict is emptied.
_name_literals: dict[bytes, bytes] = {}
_NAME_LITERALS_MAX = 1024


class HeaderField:
    """A field of a section, or an entry of a table.

    Attributes:
        field: the name and the value.
        size: the size of the entry by RFC 7541 section 4.1.
        kind: the kind of the field; UNJUDGED until `FieldsReader` has looked at it.
        meaning: the parsed value, for kinds that need it.
        number: in the table of an encoder: how many entries were added up to this one.
    """

    __slots__ = ("field", "kind", "meaning", "number", "size")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.field = (name, value)
        self.size = len(name) + len(value) + ENTRY_OVERHEAD
        self.kind = UNJUDGED
        self.meaning: object = None
        self.number = 0


def new_field(name: bytes, value: bytes) -> HeaderField:
    """Make a field. Other compiled modules call this function, because they cannot import the class."""
    return HeaderField(name, value)


# The static table, which all decoders share.
_static = [HeaderField(name, value) for name, value in STATIC_TABLE]
_STATIC_SIZE = len(_static)
# Status -> its index in the static table, encoded.
_STATIC_STATUSES = {
    int(value): _BYTES[0x80 | index] for index, (name, value) in enumerate(STATIC_TABLE, 1) if name == b":status"
}


def list_static_fields() -> list[HeaderField]:
    """The fields of the static table. `_http2_fields_py.py` judges them once for all connections."""
    return _static


def decode_huffman(data: bytes, start: int, stop: int) -> bytes:
    """Decode `data[start:stop]` (RFC 7541 section 5.2).

    Raises:
        HpackError: the string contains EOS, or its padding is not valid: up to seven ones.
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
                    raise HpackError("EOS within a Huffman-coded string")
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
    """Encode bytes. `size` is the length of the result, by `huffman_size`."""
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
    """The length of the Huffman code of `data`, in bytes."""
    lengths = HUFFMAN_LENGTHS
    bits = 0
    for byte in data:
        bits += lengths[byte]
    return bits + 7 >> 3


def _write_integer(out: list[bytes], first: int, prefix: int, value: int) -> None:
    """Write an integer (section 5.1).

    Args:
        out: the parts of the block.
        first: the high bits of the first byte.
        prefix: the mask of the bits that are left in the first byte for the integer.
        value: the integer.
    """
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
    """Write a string literal, with Huffman coding if that is shorter (section 5.2)."""
    size = huffman_size(data)
    if size < len(data):
        _write_integer(out, 0x80, 0x7F, size)
        out.append(encode_huffman(data, size))
    else:
        _write_integer(out, 0, 0x7F, len(data))
        out.append(data)


def _get_name_literal(name: bytes) -> bytes:
    """Encode a name as a string literal, or look it up."""
    literal = _name_literals.get(name)
    if literal is None:
        out: list[bytes] = []
        _write_string(out, name)
        if len(_name_literals) >= _NAME_LITERALS_MAX:
            _name_literals.clear()
        literal = _name_literals[name] = join(out)
    return literal


class Decoder:
    """Decodes the field blocks of one peer. Every block has to be decoded, in the order in which they were sent.

    Args:
        limit_fields: the most fields of a section.
        limit_size: the most bytes of a section; each field counts ENTRY_OVERHEAD more.

    Attributes:
        max_table_size: the largest table that our settings allow, in bytes.
        exceeded: whether the last section exceeded a limit.
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
        # The newest entry is the last one.
        self.table: list[HeaderField] = []
        self.table_size = 0
        self.table_limit = TABLE_SIZE
        self.pos = 0

    def decode(self, block: bytes) -> list[HeaderField]:
        """Decode a block.

        Repeated entries are not copied. So a block that consists of references to a large entry (a bomb) takes only 8
        bytes of memory for each byte.

        Returns:
            The fields; an empty list if they exceed a limit (`exceeded`). The table is updated in both cases.

        Raises:
            HpackError: the block is not valid. No other block can be decoded after it.
        """
        fields: list[HeaderField] = []
        table = self.table
        section_size = 0
        buf = block
        pos = 0
        size = len(block)
        # Each pass of this loop reads one field or one size update (section 6).
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
        """Return the entry with an index (section 2.3.3). Raises HpackError."""
        if 0 < index <= _STATIC_SIZE:
            return _static[index - 1]
        index -= _STATIC_SIZE
        if not 0 < index <= len(self.table):
            raise HpackError("an index outside of the tables")
        return self.table[len(self.table) - index]

    def _read_integer(self, block: bytes, pos: int, prefix: int) -> int:
        """Read the rest of an integer whose prefix has only ones; `self.pos` is then after it (section 5.1)."""
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
        raise HpackError("an integer that is too large or incomplete")

    def _update_size(self, block: bytes, pos: int, limit: int) -> None:
        """Read a dynamic table size update (section 6.3)."""
        self.pos = pos
        if limit == 0x1F:
            limit = self._read_integer(block, pos, 0x1F)
        if limit > self.max_table_size:
            raise HpackError("a table size above the maximum")
        self.table_limit = limit
        self._evict()

    def _read_literal(self, block: bytes, pos: int, first: int) -> HeaderField:
        """Read a literal field (section 6.2)."""
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
        """Read the string literal at `self.pos` (section 5.2)."""
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
    """Make a decoder. Other compiled modules call this function, because they cannot import the class."""
    return Decoder(limit_fields, limit_size)


class Encoder:
    """Encodes field sections for one peer. The blocks have to be sent in the order of encoding."""

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
        # For the fields in the table: (name, value) -> field, and name -> the newest field with this name.
        self.index: dict[object, HeaderField] = {}
        # The newest entry is the last one. The entry with the number n is table[n - dropped - 1].
        self.table: list[HeaderField] = []
        self.added = 0
        self.dropped = 0
        self.table_size = 0
        self.table_limit = TABLE_SIZE
        # The lowest table limit since the last block; -1 if the limit was not changed.
        self.lowest_limit = -1
        # The last default headers, and their fields. They change only once a second, with the date.
        self.default_headers: object = None
        self.default_fields: list[HeaderField] = []
        # How often the table may have changed, by a literal or a limit.
        self.changes = 0
        # The last head of a response, and its block. The block is valid while `changes` equals `last_changes`.
        self.last_status = 0
        self.last_fields: list[HeaderField] = []
        self.last_block = b""
        self.last_changes = 0
        self.seen: set[int] = set()
        self.seen_before: set[int] = self.seen

    def set_table_size(self, limit: int) -> None:
        """Set the largest table that the peer allows, in bytes (SETTINGS_HEADER_TABLE_SIZE)."""
        limit = min(limit, TABLE_SIZE)
        if limit != self.table_limit:
            self.table_limit = limit
            self.changes += 1
            if self.lowest_limit < 0 or limit < self.lowest_limit:
                self.lowest_limit = limit
            self._evict()

    def find(self, field: tuple[bytes, bytes]) -> HeaderField | None:
        """Find an entry of the table by its name, in lower case, and its value. None if there is no such entry."""
        return self.index.get(field)

    def encode(self, status: int, fields: list[HeaderField]) -> bytes:
        """Encode a field section.

        Args:
            status: the status of a response head; 0 for trailers.
            fields: the fields, without `:status`.

        Returns:
            The field block.
        """
        # The fields are the same objects if the response repeats. This saves 1,500 instructions.
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
        """Write a field that is in the table (section 6.1)."""
        _write_integer(out, 0x80, 0x7F, _STATIC_SIZE + 1 + self.added - field.number)

    def _announce_size(self, out: list[bytes]) -> None:
        """Write table size updates: the lowest size since the last block, then the current one (section 4.2)."""
        if self.lowest_limit < self.table_limit:
            _write_integer(out, 0x20, 0x1F, self.lowest_limit)
        _write_integer(out, 0x20, 0x1F, self.table_limit)
        self.lowest_limit = -1
        self.changes += 1

    def _write_literal(self, out: list[bytes], field: HeaderField) -> None:
        """Write a field that is not in the table, and add it to the table if it was written before."""
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
        """Whether a field was written recently, and takes at most half of the table."""
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
    """Make an encoder. Other compiled modules call this function, because they cannot import the class."""
    return Encoder()
