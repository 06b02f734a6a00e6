# The C types of _request_py.py. The tables stay Python objects; sizes and kinds become C integers.
cimport cython

from uvicorn._speedups._chunked_c cimport ChunkedBody, new_chunks
from uvicorn._speedups._scan_c cimport find_byte, find_colon, find_path_end, is_field_value

cdef int PLAIN, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TRANSFER_ENCODING, UPGRADE
cdef int LINE, FIELDS, LENGTH, CHUNKS, TRAILERS, CLOSED, LAST, TLS_HANDSHAKE
cdef int KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST, HAS_FORWARDED, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE
cdef Py_ssize_t _REUSED_MAX
cdef dict KNOWN_FIELDS, METHODS
cdef bytes _HTTP_1_1

@cython.locals(element=bytes)
cdef list _split_list(bytes value)


cdef class RequestHead:
    cdef public int flags
    cdef public str method
    cdef public bytes target
    cdef public str path
    cdef public bytes raw_path
    cdef public bytes query_string
    cdef public str http_version
    cdef public list headers
    cdef public bytes upgrade

    @cython.locals(common=dict, scope=dict, asgi=dict, root_path=str, raw_root_path=bytes)
    cpdef dict build_scope(self, tuple template, client, dict state)


cpdef RequestHead new_head()
@cython.locals(text=str)
cpdef split_target(RequestHead head, bytes target, Py_ssize_t path)
cpdef long long parse_content_length(bytes value) except -2


@cython.final
cdef class FieldLine:
    cdef bytes raw
    cdef bytes name
    cdef tuple field
    cdef int kind


cdef class RequestReader:
    cdef object judge
    cdef Py_ssize_t limit_line, limit_fields, limit_head
    cdef long long limit_body
    cdef bytes data
    cdef Py_ssize_t pos
    cdef Py_ssize_t unread
    cdef list later
    cdef bytearray partial
    cdef list lines
    cdef bytes known_host
    cdef ChunkedBody chunks
    cdef readonly long long remaining
    cdef readonly int state
    cdef readonly bint more_body
    cdef Py_ssize_t head_size
    cdef int flags
    cdef RequestHead head
    cdef list headers
    cdef list to_judge
    cdef Py_ssize_t field_count
    cdef bytes host
    cdef bytes authority
    cdef bytes coding
    cdef long long content_length
    cdef bytes upgrade
    cdef long long body_size

    cdef _begin(self)
    cpdef bint in_head(self)
    cpdef bint in_message(self)
    cpdef bint has_unread(self)
    cpdef feed(self, bytes data)
    cpdef read(self, bytes data)
    @cython.locals(line=FieldLine)
    cpdef list sent_names(self)
    cpdef bytes take_rest(self)
    cpdef next(self)
    @cython.locals(later=list, rest=bytes)
    cdef bytes _take_unread(self)
    cdef _consume(self, Py_ssize_t pos)
    @cython.locals(data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t)
    cdef _read_line(self)
    @cython.locals(line=bytes, part=bytearray)
    cdef _take_line_part(self, bytes data)
    @cython.locals(first=Py_ssize_t, second=Py_ssize_t, head=RequestHead, word=bytes)
    cdef _parse_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _take_method(self, RequestHead head, bytes name)
    @cython.locals(path=Py_ssize_t)
    cdef _parse_target(self, RequestHead head, bytes target)
    cdef bytes _take_other_target(self, RequestHead head, bytes target)
    cdef _begin_fields(self, int state)
    @cython.locals(
        data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, lines=list, known_count=Py_ssize_t,
        count=Py_ssize_t, line=FieldLine, complete=bint,
    )
    cdef bint _read_section(self) except -1
    @cython.locals(line=bytes)
    cdef bint _take_field_part(self, bytes data) except -1
    @cython.locals(
        stop=Py_ssize_t, colon=Py_ssize_t, first=Py_ssize_t, name=bytes, sent=bytes, raw=bytes, known=tuple, kind=int,
        line=FieldLine,
    )
    cdef _parse_field(self, bytes data, Py_ssize_t start, Py_ssize_t end)
    cdef _take_field(self, FieldLine line)
    cdef _decide(self, int kind, bytes value)
    cdef _take_content_length(self, bytes value)
    @cython.locals(head=RequestHead, flags=int, old=bint)
    cdef RequestHead _read_fields(self)
    @cython.locals(host=bytes)
    cdef _check_host(self, bint old)
    cdef _frame(self, bint old)
    @cython.locals(keep_alive=int)
    cdef _end(self)
    @cython.locals(data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t)
    cdef bytes _read_length(self)
    @cython.locals(chunks=ChunkedBody, body=bytes)
    cdef bytes _read_chunks(self)
