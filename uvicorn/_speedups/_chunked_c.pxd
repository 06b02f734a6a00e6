# The C types of _chunked_py.py.
cimport cython

cdef int SIZE, DATA, DATA_END, TRAILERS
cdef Py_ssize_t MAX_CHUNK_EXTENSIONS


cdef class ChunkedDecoder:
    cdef object sink
    cdef readonly int state
    cdef bytes line
    cdef long long remaining
    cdef long long extensions

    @cython.locals(size=Py_ssize_t, end=Py_ssize_t)
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t pos) except -1
    cdef _take_size(self, bytes line)
