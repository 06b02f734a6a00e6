# The C types of _response_py.py.
cimport cython

from uvicorn._speedups cimport c_clock
from uvicorn._speedups._hpack_c cimport Encoder, HeaderField, new_field
from uvicorn._speedups._scan_c cimport join

cdef int FORWARDED, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE
cdef int KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST
cdef int EXPECT_START, EXPECT_BODY, SENDING_FILE, EXPECT_TRAILERS, COMPLETE
cdef int NO_BODY, LENGTH, CHUNKED, CLOSE, STREAM
cdef int OPEN, PERSISTS, CLOSES
cdef int CLIENT_CLOSED_REQUEST
cdef bint COMPILED
cdef Py_ssize_t _MAX_DIGITS, _SMALL
cdef dict KNOWN_FIELDS, STATUS_LINES, _good_names, _chunk_heads
cdef frozenset _CONNECTION_FIELDS, _NO_TRAILERS
cdef tuple _NOTHING

# There is no `cdef tuple _memo`: without the GIL, a C global that is assigned again can be freed while another thread
# reads it. An attribute of the module cannot.
cdef object as_bytes, monotonic

cdef tuple _remember(bytes line, bytes default_block)
cdef tuple _check_name(object name)
@cython.locals(c="unsigned char")
cdef bint _is_clean(bytes value)
cdef bytes _check_value(value)
@cython.locals(head=bytes)
cdef bytes _chunk(bytes data, Py_ssize_t size, bint more_body)
cdef bytes _unusual_status_line(object status)
@cython.locals(length="long long", c="unsigned char")
cdef long long _parse_length(bytes value)
cdef list _split_list(bytes value)


cdef double _read_clock()


cdef class Outcome:
    cdef public int status
    cdef public long long sent
    cdef public double duration
    cdef public object headers
    cdef readonly bint on_stream
    cdef readonly bint observed
    cdef readonly object scope
    cdef public list observers
    cdef double began

    cpdef observe(self, list observers, scope)
    @cython.locals(observers=list)
    cpdef report(self)


cdef class Response(Outcome):
    cdef readonly int state
    cdef public bint keep_alive
    cdef readonly bint head_sent
    cdef readonly int framing
    cdef int flags
    cdef long long expected
    cdef bint coded
    cdef bint persist
    cdef list options
    cdef int last
    cdef list trailers

    cdef _keep_headers(self, headers)
    cdef bytes _decide(self, int kind, bytes value, status)
    @cython.locals(length="long long")
    cdef bytes _take_length(self, bytes value)
    @cython.locals(coding=bytes, name=bytes)
    cdef _take_codings(self, bytes value)
    @cython.locals(options=list, option=bytes)
    cdef _take_options(self, bytes value)
    @cython.locals(fields=dict, size=Py_ssize_t, framing=int, more_body=bint)
    cdef bytes _take_body(self, message)
    cpdef abandon(self)
    cpdef check_size(self, long long size, bint more_body)
    cpdef skip(self, long long size)
    cpdef suspend(self)
    cpdef resume(self)
    @cython.locals(taken=list, known=tuple)
    cpdef add_trailers(self, headers, bint wanted)
    cpdef bint has_trailers(self)
    cpdef end_trailers(self)
    cpdef int end(self)


cdef class ResponseFramer(Response):
    cdef readonly bint begun
    cdef list lines

    cpdef begin(self, int flags, scope)
    @cython.locals(lines=list)
    cpdef bytes interim(self, int status, headers)
    @cython.locals(fields=dict, line=bytes, lines=list, known=tuple, memo=tuple, has_more=bint)
    cpdef start(self, message, bytes default_block)
    @cython.locals(bodiless=bint)
    cdef _frame(self, list lines, status)
    @cython.locals(data=bytes, lines=list, size=Py_ssize_t, framing=int, more_body=bint)
    cpdef bytes body(self, message)
    @cython.locals(lines=list)
    cdef bytes _last_chunk(self)
    cpdef bint has_trailers(self)
    @cython.locals(lines=list)
    cpdef bytes head(self)
    @cython.locals(options=list, option=bytes)
    cdef bytes _end_head(self)
    cpdef send(self, message, bytes default_block)


cdef class Http2Framer(Response):
    cdef Encoder encoder
    cdef list fields

    cdef begin(self, Encoder encoder, int flags)
    @cython.locals(fields=list)
    cpdef bytes interim(self, int status, headers)
    @cython.locals(
        fields=dict, encoder=Encoder, taken=list, last=list, place=Py_ssize_t, field=HeaderField, kind=int,
        has_more=bint,
    )
    cpdef start(self, message, list default_headers)
    @cython.locals(taken=list, field=HeaderField)
    cdef _take_defaults(self, list headers)
    @cython.locals(field=HeaderField, known=tuple)
    cdef HeaderField _make_field(self, name, value)
    cpdef bytes body(self, message)
    @cython.locals(fields=list)
    cdef bytes trailer_block(self)
    @cython.locals(fields=list)
    cpdef bytes head(self)


@cython.locals(framer=Http2Framer)
cpdef Http2Framer new_http2_framer(Encoder encoder, int flags)
