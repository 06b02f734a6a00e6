# The C types of _chunked_py.py.
cimport cython

from uvicorn._speedups._scan_c cimport cut, find_byte, parse_hex

cdef int SIZE, DATA, DATA_END, LAST
cdef Py_ssize_t MAX_CHUNK_EXTENSIONS


cdef class ChunkedBody:
    cdef readonly int state
    cdef bytes line
    cdef long long remaining
    cdef long long extensions
    cdef list pieces

    @cython.locals(size=Py_ssize_t, end=Py_ssize_t, state=int, remaining="long long", buf="const unsigned char *")
    cpdef Py_ssize_t decode(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(pieces=list)
    cpdef bytes take(self)
    @cython.locals(line=bytes)
    cdef Py_ssize_t _take_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1


cpdef ChunkedBody new_chunks()
