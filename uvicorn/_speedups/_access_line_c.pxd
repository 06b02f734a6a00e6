# The C types of _access_line_py.py.
cimport cython


cdef class AccessLineFormat:
    cdef str opening
    cdef str before_method
    cdef str before_path
    cdef str before_version
    cdef object make_ending
    cdef object quote
    cdef dict endings

    @cython.locals(line=str)
    cpdef format(self, scope, status)
