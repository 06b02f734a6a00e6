# The C types of _access_line_py.py.
cimport cython

from uvicorn._speedups._response_c cimport Outcome
from uvicorn._speedups._scan_c cimport find_field, is_plain_path, is_plain_query, is_plain_text, join_text

cdef tuple _PATH_ESCAPES
cdef tuple _QUERY_ESCAPES
cdef Py_ssize_t _CLIENTS_MAX
cdef Py_ssize_t _KEPT_MAX
cdef int TEXT, CLIENT, USER, TIME, MILLISECONDS_OF_TIME, METHOD, PATH, QUERY, MAYBE_QUERY, VERSION
cdef int STATUS, SIZE, SIZE_OR_DASH, SECONDS, MILLISECONDS, MICROSECONDS
cdef int MILLISECONDS_OF_DURATION, MICROSECONDS_OF_DURATION, REQUEST_FIELD, RESPONSE_FIELD
cdef dict _TEXT_ESCAPES
cdef tuple _MONTHS, _THREE_DIGITS
cdef object time

cpdef quote_path(path)
@cython.locals(raw=bytes, text=str)
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


cdef class Part:
    cdef readonly int kind
    cdef readonly str text
    cdef readonly bytes name
    cdef public Py_ssize_t place
    cdef object value
    cdef object key


cdef class Fields:
    cdef list parts
    cdef Py_ssize_t count
    cdef tuple names

    @cython.locals(fields=tuple, missing=Py_ssize_t, place=Py_ssize_t, part=Part)
    cdef find(self, headers)


cdef class LineOfParts:
    cdef object escape
    cdef bint in_json
    cdef str missing
    cdef list texts
    cdef Fields fields_of_request
    cdef Fields fields_of_response
    cdef list parts
    cdef readonly bint at_end
    cdef bint has_headers
    cdef bint has_time
    cdef long long second
    cdef int milliseconds
    cdef str time

    @cython.locals(
        texts=list, micros="long long", size="long long", scope=dict, outcome=Outcome, headers=list, part=Part,
        kind=int, text=str, line=str,
    )
    cpdef str format(self, exchange, int status)
    cdef str _value(self, int kind, int status, long long size, long long micros)
    cdef str _query(self, int kind, query)
    cdef str _escape(self, text)
    cdef str _quote(self, str text)
    cdef str _show(self, Part part, value)
    @cython.locals(part=Part, field=bytes, text=str)
    cdef _show_fields(self, Fields fields, headers)
    cdef str _user(self, bytes credentials)
    @cython.locals(now=double, second="long long")
    cdef _read_clock(self)
    @cython.locals(part=Part)
    cdef _forget(self)


cdef str _duration(int kind, long long micros)
