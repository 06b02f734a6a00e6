# The C types of _websocket_py.py.
cimport cython
from libc.stdint cimport uint64_t

from uvicorn._speedups._payload_c cimport (
    frame,
    new_message,
    read_number,
    take_message,
    text_frame,
    unmask,
    unmask_into,
    unmask_text,
)

cdef int HEADER, PAYLOAD, ENDED
cdef int _FIN, _RSV1, _OPCODE, _CONTROL, _TEXT, _BINARY, _CLOSE, _PING
cdef Py_ssize_t _LONGEST_HEADER, _SMALL_PART, _AHEAD
cdef int _MAX_CONTROL
cdef Py_ssize_t _REMEMBERED_MIN, _REMEMBERED_MAX
# There is no `cdef tuple _last`, because other threads read it too: see _response_c.pxd.

@cython.locals(last=tuple, built=bytes)
cdef bytes _build_once(message)


cdef class WebSocketCodec:
    cdef object deflate
    cdef bytes allowed
    cdef long long max_size
    cdef long long budget
    cdef readonly int state
    cdef bytes header
    cdef int first
    cdef uint64_t mask
    cdef long long remaining
    cdef bytes control
    cdef object message
    cdef Py_ssize_t filled
    cdef list parts
    cdef bint text_message
    cdef bint compressed
    cdef object decoder
    cdef bint close_sent
    cdef readonly list replies

    cpdef list feed(self, bytes data)
    cpdef bytes text(self, str message)
    cpdef bytes binary(self, bytes message)
    cpdef bytes ping(self)
    cpdef bytes close(self, code, str reason)
    cdef _fail(self, code, list events)
    @cython.locals(
        pos=Py_ssize_t, size=Py_ssize_t, known=Py_ssize_t, header=bytes, begin=Py_ssize_t, stop=Py_ssize_t,
    )
    cdef _read(self, bytes data, list events)
    @cython.locals(
        buf="const unsigned char *", allowed="const unsigned char *", first=int, length="long long",
        shortest="long long", begin=Py_ssize_t,
    )
    cdef Py_ssize_t _take_header(self, bytes data, Py_ssize_t pos, Py_ssize_t size) except -1
    cdef _check_length(self, int first, long long length)
    @cython.locals(first=int, payload=bytes, turn=int)
    cdef _take_payload(self, bytes data, Py_ssize_t start, Py_ssize_t stop, list events)
    @cython.locals(text=bint)
    cdef _take_piece(self, int first, bytes data, Py_ssize_t start, Py_ssize_t stop, list events)
    @cython.locals(parts=list, last=bint)
    cdef _take_part(self, int first, bytes data, Py_ssize_t start, Py_ssize_t stop, list events)
    cdef str _decode(self, part, bint last)
    cdef _on_control(self, int first, bytes payload, list events)
    cdef _on_close(self, bytes payload, list events)
