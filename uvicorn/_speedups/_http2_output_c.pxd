# The C types of _http2_output_py.py.
cimport cython

from uvicorn._speedups._http2_stream_c cimport Stream
from uvicorn._speedups._scan_c cimport frame_head

cdef int CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS
cdef Py_ssize_t FRAME_MAX
cdef long long DEFAULT_WINDOW, OUTPUT_MAX, CONTROL_MAX
cdef object _join


@cython.final
cdef class Output:
    cdef readonly long long send_window
    cdef readonly long long sent
    cdef readonly list blocked
    cdef list frames
    cdef long long size
    cdef long long control_size
    cdef list drained
    cdef unsigned long long turn

    @cython.locals(frames=list)
    cdef put(self, int kind, int flags, unsigned int number, bytes payload)
    cdef put_control(self, int kind, int flags, unsigned int number, bytes payload)
    cdef put_goaway(self, unsigned int number, int code, bytes reason)
    @cython.locals(size=Py_ssize_t, pos=Py_ssize_t)
    cdef put_block(self, unsigned int number, int flags, bytes block)
    @cython.locals(size=Py_ssize_t)
    cdef bint put_data(self, Stream stream, bytes data, bint ends) except -1
    @cython.locals(pos=Py_ssize_t)
    cdef _put_frames(self, Stream stream, bytes data, Py_ssize_t size, bint ends)
    @cython.locals(frames=list)
    cdef _put_frame(self, Stream stream, data, Py_ssize_t size, bint ends)
    @cython.locals(in_order=Stream, shared=Stream, stream=Stream, urgency=int)
    cdef Stream pick(self)
    @cython.locals(queue=list, part=bytes, start=Py_ssize_t, size=Py_ssize_t, ends=bint)
    cdef bint put_queued(self, Stream stream) except -1
    cdef forget(self, Stream stream)
    cdef bint has_room(self)
    cpdef bint can_send(self) except -1
    @cython.locals(frames=list)
    cdef bytes take(self)
    cpdef bint has_queues(self)
    cpdef list take_drained(self)


cpdef Output new_output()
