# The C types of _hpack_py.py.
cimport cython

from uvicorn._speedups._scan_c cimport join

cdef Py_ssize_t TABLE_SIZE, ENTRY_OVERHEAD, _MAX_INTEGER, _GUESSABLE, _SEEN, _NAME_LITERALS_MAX, _STATIC_SIZE
cdef int UNJUDGED, LONGEST_CODE
cdef bytes HUFFMAN_LENGTHS, HUFFMAN_SYMBOLS, SHORT_SYMBOLS, SHORT_LENGTHS
cdef list HUFFMAN_CODES, HUFFMAN_ENDS, HUFFMAN_OFFSETS, _static, _BYTES
cdef dict STATIC_NAMES, _STATIC_STATUSES, _name_literals
cdef frozenset _SENSITIVE


@cython.final
cdef class HeaderField:
    cdef readonly tuple field
    cdef readonly Py_ssize_t size
    cdef public int kind
    cdef public object meaning
    cdef long long number


cpdef HeaderField new_field(bytes name, bytes value)
cpdef list list_static_fields()

@cython.locals(
    buf="const unsigned char *", symbols="const unsigned char *", lengths="const unsigned char *", decoded=bytearray,
    out="unsigned char *", size=Py_ssize_t, bits="unsigned long long", count=int, pos=Py_ssize_t, window=int,
    length=int, code="unsigned long long", end="unsigned long long", offset="unsigned long long",
)
cpdef bytes decode_huffman(bytes data, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(
    lengths="const unsigned char *", encoded=bytearray, out="unsigned char *", bits="unsigned long long", count=int,
    pos=Py_ssize_t, byte="unsigned char", length=int, code="unsigned long long",
)
cpdef bytes encode_huffman(bytes data, Py_ssize_t size)
@cython.locals(lengths="const unsigned char *", bits=Py_ssize_t, byte="unsigned char")
cpdef Py_ssize_t huffman_size(bytes data) except -1
cdef _write_integer(list out, int first, int prefix, Py_ssize_t value)
@cython.locals(size=Py_ssize_t)
cdef _write_string(list out, bytes data)
@cython.locals(literal=bytes, out=list)
cdef bytes _get_name_literal(bytes name)


cdef class Decoder:
    cdef Py_ssize_t limit_fields, limit_size, table_size, table_limit, pos
    cdef public Py_ssize_t max_table_size
    cdef readonly bint exceeded
    cdef list table

    @cython.locals(
        fields=list, table=list, section_size=Py_ssize_t, buf="const unsigned char *", pos=Py_ssize_t, size=Py_ssize_t,
        first=int, index=Py_ssize_t, field=HeaderField,
    )
    cpdef list decode(self, bytes block)
    cdef HeaderField _get(self, Py_ssize_t index)
    @cython.locals(value=Py_ssize_t, shift=int, byte=Py_ssize_t)
    cdef Py_ssize_t _read_integer(self, bytes block, Py_ssize_t pos, Py_ssize_t prefix) except -1
    cdef _update_size(self, bytes block, Py_ssize_t pos, Py_ssize_t limit)
    @cython.locals(prefix=int, index=Py_ssize_t, name=bytes)
    cdef HeaderField _read_literal(self, bytes block, Py_ssize_t pos, int first)
    @cython.locals(pos=Py_ssize_t, first=int, length=Py_ssize_t)
    cdef bytes _read_string(self, bytes block)
    cdef _add(self, HeaderField field)
    @cython.locals(dropped=Py_ssize_t, field=HeaderField)
    cdef _evict(self)


cpdef Decoder new_decoder(Py_ssize_t limit_fields, Py_ssize_t limit_size)


cdef class Encoder:
    cdef dict index
    cdef object default_headers
    cdef list table, default_fields, last_fields
    cdef long long changes, last_changes
    cdef int last_status
    cdef bytes last_block
    cdef set seen, seen_before
    cdef long long added, dropped
    cdef Py_ssize_t table_size, table_limit, lowest_limit

    cpdef set_table_size(self, Py_ssize_t limit)
    cpdef HeaderField find(self, tuple field)
    @cython.locals(changes="long long", out=list, field=HeaderField, block=bytes)
    cpdef bytes encode(self, int status, list fields)
    @cython.locals(field=HeaderField)
    cdef _write_status(self, list out, int status)
    cdef _write_index(self, list out, HeaderField field)
    cdef _announce_size(self, list out)
    @cython.locals(name=bytes, value=bytes, first=int, prefix=int, known=HeaderField)
    cdef _write_literal(self, list out, HeaderField field)
    cdef bint _repeats(self, HeaderField field) except -1
    cdef _add(self, HeaderField field)
    @cython.locals(dropped=Py_ssize_t, field=HeaderField)
    cdef _evict(self)


cpdef Encoder new_encoder()
