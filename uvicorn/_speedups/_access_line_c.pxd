# The C types of _access_line_py.py.
cimport cython

cdef object _find_unsafe
cdef tuple _PATH_ESCAPES
cdef tuple _QUERY_ESCAPES

cpdef quote_path(path)
@cython.locals(text=str)
cpdef quote_query(query)


cdef class AccessLineFormat:
    cdef str opening
    cdef str before_method
    cdef str before_path
    cdef str before_version
    cdef object make_ending
    cdef dict endings

    @cython.locals(line=str)
    cpdef format(self, scope, status)
