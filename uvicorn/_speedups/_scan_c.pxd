# The C types of _scan_py.py, and the body of `join` in C.
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from uvicorn._speedups cimport c_text

cdef bint COMPILED
cdef Py_ssize_t _NEAR
cdef bytes _TOKEN_TABLE
cdef bytes _PATH_TABLE, _QUERY_TABLE, _TEXT_TABLE

cdef inline bytes join_in_c(list parts):
    cdef Py_ssize_t size = 0
    cdef bytes part
    for part in parts:
        size += PyBytes_GET_SIZE(part)
    cdef bytes joined = PyBytes_FromStringAndSize(NULL, size)
    cdef char *end = PyBytes_AS_STRING(joined)
    for part in parts:
        memcpy(end, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
        end += PyBytes_GET_SIZE(part)
    return joined


cdef inline bytes new_bytes(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


cpdef bytes join(list parts)
cpdef str join_text(list parts)
cpdef Py_ssize_t find_field(tuple fields, tuple names, Py_ssize_t start) except -2
@cython.locals(buf="const unsigned char *")
cpdef bytes cut(bytes data, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(buf="const unsigned char *", i=Py_ssize_t, near=Py_ssize_t)
cpdef Py_ssize_t find_byte(bytes data, int byte, Py_ssize_t start, Py_ssize_t stop) except -2
@cython.locals(buf="const unsigned char *", size=Py_ssize_t, path=Py_ssize_t, i=Py_ssize_t)
cpdef Py_ssize_t find_path_end(bytes target) except -2
@cython.locals(buf="const unsigned char *", table="const unsigned char *", i=Py_ssize_t)
cpdef Py_ssize_t find_colon(bytes data, Py_ssize_t start, Py_ssize_t stop) except -2
@cython.locals(buf="const unsigned char *", i=Py_ssize_t, bad="unsigned char")
cpdef bint is_field_value(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
@cython.locals(buf="const unsigned char *", i=Py_ssize_t, c=int, number="long long")
cpdef long long parse_hex(bytes data, Py_ssize_t start, Py_ssize_t stop) except -2
cpdef bint is_plain_path(str text) except -1
cpdef bint is_plain_query(str text) except -1
cpdef bint is_plain_text(str text) except -1
@cython.locals(head=bytes, buf="unsigned char *")
cpdef bytes frame_head(int length, int kind, int flags, unsigned int stream)
@cython.locals(buf="const unsigned char *", number="unsigned int", i=Py_ssize_t)
cpdef unsigned int get_uint32(bytes data, Py_ssize_t start) except? 4294967295
