# The C types of _payload_py.py.
cimport cython
from libc.stdint cimport uint64_t

from uvicorn._speedups cimport c_payload

cdef bint COMPILED

cpdef bytes unmask(bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask)
cpdef unmask_text(bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask)
cpdef new_message(Py_ssize_t size, bint text)
cpdef bint unmask_into(
    message, Py_ssize_t place, bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask
) except -1
cpdef take_message(message, Py_ssize_t size, bint text)
@cython.locals(buf="const unsigned char *", i=Py_ssize_t, number="long long")
cpdef long long read_number(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
cpdef bytes frame(int first, bytes payload)
cpdef bytes text_frame(int first, str text)
