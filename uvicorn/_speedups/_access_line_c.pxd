# The C types of _access_line_py.py.
cimport cython

from uvicorn._speedups._scan_c cimport is_plain_path, is_plain_query, is_plain_text

cdef tuple _PATH_ESCAPES
cdef tuple _QUERY_ESCAPES
cdef Py_ssize_t _CLIENTS_MAX
cdef int TEXT, CLIENT, USER, TIME, TIME_IN_JSON, METHOD, PATH, QUERY, VERSION
cdef int STATUS, SIZE, SIZE_OR_DASH, SECONDS, MILLISECONDS, MICROSECONDS, DECIMAL_SECONDS
cdef int REQUEST_FIELD, RESPONSE_FIELD
cdef dict _TEXT_ESCAPES
cdef tuple _MILLISECONDS, _MONTHS
cdef object time

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


cpdef str quote_text(str text)


cdef class Part:
    cdef readonly int kind
    cdef readonly str text
    cdef readonly bytes name


cdef class LineOfParts:
    cdef readonly list parts
    cdef object quote_json
    cdef readonly bint at_end
    cdef readonly bint needs_headers
    cdef str missing
    cdef long long second
    cdef str time

    @cython.locals(micros="long long", size="long long", part=Part, kind=int, text=str, texts=list)
    cpdef str format(self, scope, response)
    @cython.locals(query=str, path=str, target=str)
    cdef str _of_request(self, int kind, scope)
    cdef str _quote(self, str text)
    cdef str _field(self, headers, bytes name)
    cdef str _user(self, headers)
    @cython.locals(now=double, second="long long")
    cdef str _now(self, int kind)


cdef str _duration(int kind, long long micros)
