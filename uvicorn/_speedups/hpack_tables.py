"""The tables of HPACK that both builds of the speedups share (RFC 7541 appendices A and B)."""

# The static table. The first entry has the index 1.
STATIC_TABLE: tuple[tuple[bytes, bytes], ...] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", status) for status in (b"200", b"204", b"206", b"304", b"400", b"404", b"500")),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    *(
        (name.encode(), b"")
        for name in (
            *("accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow"),
            *("authorization", "cache-control", "content-disposition", "content-encoding", "content-language"),
            *("content-length", "content-location", "content-range", "content-type", "cookie", "date", "etag"),
            *("expect", "expires", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range"),
            *("if-unmodified-since", "last-modified", "link", "location", "max-forwards", "proxy-authenticate"),
            *("proxy-authorization", "range", "referer", "refresh", "retry-after", "server", "set-cookie"),
            *("strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate"),
        )
    ),
)

# Name -> its first index in the static table.
STATIC_NAMES: dict[bytes, int] = {}
for _index, (_name, _) in enumerate(STATIC_TABLE, 1):
    STATIC_NAMES.setdefault(_name, _index)

# The length of the Huffman code of each byte, in bits. The lengths define the codes, because the code is canonical:
# codes are numbered in the order of their lengths, and codes of one length in the order of the bytes. The end of the
# string (EOS) has the code of 30 ones. Padding is a part of it.
HUFFMAN_LENGTHS = bytes(
    (
        *(13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28),
        *(28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28),
        *(6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6),
        *(5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10),
        *(13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7),
        *(7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6),
        *(15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5),
        *(6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28),
        *(20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23),
        *(24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24),
        *(22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23),
        *(21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23),
        *(26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25),
        *(19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27),
        *(20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23),
        *(26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26),
    )
)
LONGEST_CODE = 30

# The bytes in the order of their codes.
HUFFMAN_SYMBOLS = bytes(sorted(range(256), key=lambda byte: (HUFFMAN_LENGTHS[byte], byte)))
# For each length: the first number that is not a code of this length or a shorter one; and the number to subtract from
# a code to get its index in HUFFMAN_SYMBOLS.
HUFFMAN_ENDS: list[int] = [0]
HUFFMAN_OFFSETS: list[int] = [0]
HUFFMAN_CODES: list[int] = [0] * 256
# For each value of the next eight bits: the byte whose code they begin with, and the length of this code. The length is
# 0 if the code is longer than eight bits.
_short_symbols = bytearray(256)
_short_lengths = bytearray(256)


def _number_codes() -> None:
    code = place = 0
    for length in range(1, LONGEST_CODE + 1):
        code <<= 1
        HUFFMAN_OFFSETS.append(code - place)
        while place < 256 and HUFFMAN_LENGTHS[HUFFMAN_SYMBOLS[place]] == length:
            symbol = HUFFMAN_SYMBOLS[place]
            HUFFMAN_CODES[symbol] = code
            if length <= 8:
                for window in range(code << 8 - length, code + 1 << 8 - length):
                    _short_symbols[window] = symbol
                    _short_lengths[window] = length
            code += 1
            place += 1
        HUFFMAN_ENDS.append(code)


_number_codes()
SHORT_SYMBOLS, SHORT_LENGTHS = bytes(_short_symbols), bytes(_short_lengths)
