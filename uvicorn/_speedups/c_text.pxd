# Loops over text and header fields that need the C API. References are borrowed, because no other code runs in between.
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_New
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy


cdef extern from "Python.h":
    # Declared here, because the declarations of Cython would count references.
    PyObject *PyList_GET_ITEM(object, Py_ssize_t)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    bint PyTuple_CheckExact(PyObject *)
    bint PyBytes_CheckExact(PyObject *)
    char *PyBytes_AS_STRING(PyObject *)
    Py_ssize_t PyBytes_GET_SIZE(PyObject *)
    bint PyUnicode_CheckExact(PyObject *)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *)
    void *PyUnicode_DATA(PyObject *)


cdef inline str join_text(list parts):
    cdef Py_ssize_t i, size = 0
    cdef PyObject *part
    cdef str joined
    cdef char *end
    for i in range(len(parts)):
        part = PyList_GET_ITEM(parts, i)
        if not PyUnicode_CheckExact(part) or not PyUnicode_IS_COMPACT_ASCII(part):
            return "".join(parts)
        size += PyUnicode_GET_LENGTH(part)
    if not size:
        return ""
    joined = PyUnicode_New(size, 127)
    end = <char *>PyUnicode_DATA(<PyObject *>joined)
    for i in range(len(parts)):
        part = PyList_GET_ITEM(parts, i)
        size = PyUnicode_GET_LENGTH(part)
        memcpy(end, PyUnicode_DATA(part), size)
        end += size
    return joined


cdef inline Py_ssize_t find_field(tuple fields, tuple names, Py_ssize_t start) except -2:
    cdef Py_ssize_t i, j
    # A set of the lengths of the names, as bits modulo 64. It excludes most fields.
    cdef uint64_t lengths = 0
    cdef PyObject *field
    cdef PyObject *name
    cdef PyObject *wanted
    for j in range(len(names)):
        lengths |= <uint64_t>1 << (PyBytes_GET_SIZE(PyTuple_GET_ITEM(<PyObject *>names, j)) & 63)
    for i in range(start, len(fields)):
        field = PyTuple_GET_ITEM(<PyObject *>fields, i)
        if not PyTuple_CheckExact(field) or not PyTuple_GET_SIZE(field):
            if fields[i][0] in names:
                return i
            continue
        name = PyTuple_GET_ITEM(field, 0)
        if not PyBytes_CheckExact(name):
            if <object>name in names:
                return i
            continue
        if not lengths >> (PyBytes_GET_SIZE(name) & 63) & 1:
            continue
        for j in range(len(names)):
            wanted = PyTuple_GET_ITEM(<PyObject *>names, j)
            if PyBytes_GET_SIZE(name) == PyBytes_GET_SIZE(wanted) and not memcmp(
                PyBytes_AS_STRING(name), PyBytes_AS_STRING(wanted), PyBytes_GET_SIZE(name)
            ):
                return i
    return -1


cdef inline bint is_plain(str text, const unsigned char *table) noexcept:
    # The table has 1 for each plain ASCII character.
    cdef const unsigned char *buf
    cdef Py_ssize_t i
    if not PyUnicode_IS_COMPACT_ASCII(<PyObject *>text):
        return False
    buf = <const unsigned char *>PyUnicode_DATA(<PyObject *>text)
    for i in range(PyUnicode_GET_LENGTH(<PyObject *>text)):
        if not table[buf[i]]:
            return False
    return True
