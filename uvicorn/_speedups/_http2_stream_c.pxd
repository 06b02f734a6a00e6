# The C types of _http2_stream_py.py.
cimport cython

from uvicorn._speedups._response_c cimport Http2Framer

cdef int OPEN, DEFAULT_PRIORITY
cdef long long DEFAULT_WINDOW


@cython.final
cdef class Stream:
    cdef readonly unsigned int number
    cdef readonly int state
    cdef int priority
    cdef unsigned long long turn
    cdef public object owner
    cdef bint given_out
    cdef bint tunnel
    cdef readonly bint more_body
    cdef bint abandoned_body
    cdef long long remaining
    cdef long long body_size
    cdef list body
    cdef readonly bint body_pending
    cdef long long unread
    cdef long long window
    cdef long long window_target
    cdef long long owed
    cdef readonly Http2Framer framer
    cdef list queue
    cdef Py_ssize_t queue_pos
    cdef readonly long long queued
    cdef bint end_queued
    cdef readonly long long sent
    cdef readonly long long send_window

    cdef begin(self, unsigned int number, long long send_window)


@cython.locals(stream=Stream)
cpdef Stream new_stream(unsigned int number, long long send_window)
