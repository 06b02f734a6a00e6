# The C types of _observed_py.py.
cimport cython

cdef int BODY_BYTES, BUCKETS, CLASSES, DURATION, HTTP2_STREAMS, OTHER_METHOD, REQUESTS
cdef int WEBSOCKETS_ACCEPTED, WEBSOCKETS_REJECTED
cdef dict METHOD_INDICES
cdef object monotonic


cdef class Ended:
    cdef readonly int status
    cdef readonly long long sent
    cdef readonly double duration
    cdef readonly object headers


cdef class Observers:
    cdef list observers
    cdef object cycle_class
    cdef object new

    cpdef make(self)
    @cython.locals(began=double, ended=Ended)
    cpdef notify(self, cycle, int answered)


cdef class Recorder:
    cdef double[::1] cells
    cdef double[::1] bounds
    cdef Py_ssize_t size

    @cython.locals(status=int, kind=int, sent="long long", duration=double, bucket=Py_ssize_t)
    cpdef record(self, dict scope, Ended ended)
