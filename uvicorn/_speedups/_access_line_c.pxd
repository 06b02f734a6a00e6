# The C types of _access_line_py.py.
cimport cython

from uvicorn._speedups._scan_c cimport is_plain_path, is_plain_query

cdef tuple _PATH_ESCAPES
cdef tuple _QUERY_ESCAPES
cdef Py_ssize_t _CLIENTS_MAX

cpdef quote_path(path)
@cython.locals(text=str)
cpdef quote_query(query)


cdef class AccessLineFormat:
    cdef str opening
    cdef str before_method
    cdef str before_path
    cdef str before_version
    cdef object make_ending
    cdef dict beginnings
    cdef dict endings

    @cython.locals(line=str, beginning=str, ending=str, endings=dict)
    cpdef format(self, scope, status)
    cdef str _begin(self, client)
    cdef str _end(self, version, status)
