# The C types of _request_py.py. The tables stay Python objects; sizes and kinds become C integers.
cimport cython

from uvicorn._speedups._chunked_c cimport ChunkedBody, new_chunks
from uvicorn._speedups._scan_c cimport cut, find_byte, find_colon, find_path_end, is_field_value

cdef int PLAIN, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TRANSFER_ENCODING, UPGRADE
cdef int LINE, FIELDS, LENGTH, CHUNKS, TRAILERS, CLOSED, LAST, TLS_HANDSHAKE
cdef int KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST, HAS_FORWARDED, UNREAD, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE
cdef Py_ssize_t _REUSED_MAX
cdef dict KNOWN_FIELDS, METHODS
cdef bytes _HTTP_1_1

@cython.locals(element=bytes)
cdef list _split_list(bytes value)


cdef class RequestLine:
    cdef public int flags
    cdef public str method
    cdef public bytes target
    cdef public str path
    cdef public bytes raw_path
    cdef public bytes query_string
    cdef public str http_version

    @cython.locals(common=dict, scope=dict, root_path=str, raw_root_path=bytes)
    cdef dict describe(self, tuple template)


cdef class RequestHead(RequestLine):
    cdef public list headers
    cdef public bytes upgrade

    @cython.locals(scope=dict, asgi=dict, extensions=dict)
    cpdef dict build_scope(self, tuple template, dict state)


@cython.final
cdef class KeptLine(RequestLine):
    cdef bytes raw
    cdef bytes authority
    cdef dict scope
    cdef bint is_reused


cpdef RequestHead new_head()
@cython.locals(text=str)
cpdef split_target(RequestLine line, bytes target, Py_ssize_t path)
cpdef long long parse_content_length(bytes value) except -2


@cython.final
cdef class FieldLine:
    cdef bytes raw
    cdef bytes name
    cdef int kind


cdef _take_method(KeptLine line, bytes name)
@cython.locals(path=Py_ssize_t)
cdef _parse_target(KeptLine line, bytes target)
cdef bytes _take_other_target(KeptLine line, bytes target)


cdef class RequestReader:
    cdef object judge
    cdef Py_ssize_t limit_line, limit_fields, limit_head
    cdef long long limit_body
    cdef bytes data
    cdef Py_ssize_t pos
    cdef Py_ssize_t unread
    cdef list later
    cdef bytearray partial
    cdef tuple template
    cdef object client
    cdef dict lifespan_state
    cdef KeptLine line
    cdef list lines
    cdef list kept_fields
    cdef bytes known_host
    cdef ChunkedBody chunks
    cdef readonly long long remaining
    cdef readonly int state
    cdef readonly bint more_body
    cdef Py_ssize_t head_size
    cdef int flags
    cdef list headers
    cdef list to_judge
    cdef Py_ssize_t field_count
    cdef bytes host
    cdef bytes coding
    cdef long long content_length
    cdef bytes upgrade
    cdef long long body_size

    cdef _begin(self)
    cpdef bint in_head(self)
    cpdef bint in_message(self)
    cpdef bint has_unread(self)
    cpdef feed(self, bytes data)
    cpdef set_template(self, tuple template, client, dict state)
    cpdef int read(self, bytes data) except -2
    cpdef bytes take_rest(self)
    cpdef next(self)
    cpdef int read_head(self) except -2
    @cython.locals(line=KeptLine, head=RequestHead)
    cpdef RequestHead get_head(self)
    @cython.locals(line=KeptLine, scope=dict, asgi=dict, extensions=dict)
    cpdef dict build_scope(self)
    @cython.locals(line=FieldLine)
    cpdef list sent_names(self)
    @cython.locals(later=list, rest=bytes)
    cdef bytes _take_unread(self)
    cdef _join_unread(self)
    cdef _consume(self, Py_ssize_t pos)
    @cython.locals(data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, line=KeptLine)
    cdef _read_line(self)
    @cython.locals(line=bytes, part=bytearray)
    cdef _take_line_part(self, bytes data)
    @cython.locals(first=Py_ssize_t, second=Py_ssize_t, line=KeptLine, word=bytes)
    cdef _parse_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _begin_head(self, KeptLine line)
    cdef _begin_fields(self, int state)
    @cython.locals(data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, complete=bint)
    cdef bint _read_section(self) except -1
    @cython.locals(lines=list, start=Py_ssize_t, count=Py_ssize_t, begin=Py_ssize_t, line=FieldLine, field=tuple)
    cdef Py_ssize_t _reuse_lines(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(line=bytes)
    cdef bint _take_field_part(self, bytes data) except -1
    @cython.locals(
        stop=Py_ssize_t, colon=Py_ssize_t, first=Py_ssize_t, name=bytes, sent=bytes, raw=bytes, known=tuple, kind=int,
        count=Py_ssize_t, field=tuple, line=FieldLine, is_kept=bint,
    )
    cdef _parse_field(self, bytes data, Py_ssize_t start, Py_ssize_t end)
    cdef _decide(self, int kind, bytes value)
    cdef _take_content_length(self, bytes value)
    @cython.locals(flags=int, old=bint, line=KeptLine)
    cdef _end_head(self)
    @cython.locals(host=bytes)
    cdef _check_host(self, bint old)
    cdef _frame(self, bint old)
    @cython.locals(keep_alive=int)
    cdef _end(self)
    @cython.locals(data=bytes, pos=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t)
    cdef bytes _read_length(self)
    @cython.locals(chunks=ChunkedBody, body=bytes)
    cdef bytes _read_chunks(self)
