# The C types of _recorder_py.py.
cimport cython

from uvicorn._speedups._response_c cimport Outcome

cdef int BODY_BYTES, BUCKETS, CLASSES, DURATION, HTTP2_STREAMS, OTHER_METHOD, REQUESTS
cdef int WEBSOCKETS_ACCEPTED, WEBSOCKETS_REJECTED
cdef dict METHOD_INDICES


cdef class Recorder:
    cdef double[::1] cells
    cdef double[::1] bounds
    cdef Py_ssize_t size

    @cython.locals(scope=dict, status=int, kind=int, row=Py_ssize_t, duration=double, bucket=Py_ssize_t)
    cpdef record(self, Outcome outcome)
