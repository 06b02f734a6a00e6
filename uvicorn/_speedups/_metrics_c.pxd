# The C types of _metrics_py.py.
cimport cython

cdef int BODY_BYTES, BUCKETS, CLASSES, DURATION, HTTP2_STREAMS, OTHER_METHOD, REQUESTS
cdef int WEBSOCKETS_ACCEPTED, WEBSOCKETS_REJECTED
cdef dict METHOD_INDICES


cdef class Recorder:
    cdef double[::1] cells
    cdef double[::1] bounds
    cdef Py_ssize_t size

    @cython.locals(status=int, kind=int, sent="long long", duration=double, bucket=Py_ssize_t)
    cpdef record(self, scope, ended)
