# The C types of _http2_fields_py.py.
cimport cython

from uvicorn._speedups._hpack_c cimport Decoder, HeaderField, list_static_fields, new_decoder
from uvicorn._speedups._request_c cimport RequestHead, new_head, parse_content_length, split_target
from uvicorn._speedups._scan_c cimport find_path_end, is_field_value

cdef int KEEP_ALIVE, HEAD_REQUEST, HAS_FORWARDED, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE
cdef int PLAIN, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TRANSFER_ENCODING, UPGRADE
cdef int DEFAULT_PRIORITY
cdef int COOKIE, PRIORITY, METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL
cdef int _SCHEME, _AUTHORITY, _PSEUDO, _OF_REQUESTS, _OF_CONNECT, _OF_EXTENDED_CONNECT
cdef dict KNOWN_FIELDS, METHODS, _PSEUDO_FIELDS, _KINDS
cdef frozenset _CONNECTION_FIELDS

@cython.locals(name=bytes, value=bytes, known=tuple, kind=int)
cdef int _judge(HeaderField field) except -2
@cython.locals(kind=int, path=Py_ssize_t, head=RequestHead)
cdef int _judge_pseudo_field(HeaderField field, bytes name, bytes value) except -2
@cython.locals(field=HeaderField)
cdef _judge_static_fields()


cdef class FieldsReader:
    cdef Decoder decoder
    cdef Py_ssize_t limit_line, limit_fields
    cdef long long limit_body
    cdef public bint connect_protocol
    cdef readonly long long content_length
    cdef readonly int priority
    cdef readonly bint tunnel
    cdef RequestHead head
    cdef int seen
    cdef bytes authority
    cdef bint secure
    cdef Py_ssize_t cookie
    cdef list crumbs

    cpdef skip(self, bytes block)
    @cython.locals(fields=list, field=HeaderField, kind=int)
    cpdef read_trailers(self, bytes block)
    @cython.locals(
        fields=list, head=RequestHead, headers=list, pseudo_fields=Py_ssize_t, late=bint, field=HeaderField, kind=int,
    )
    cpdef RequestHead read_request(self, bytes block, bint body_follows)
    @cython.locals(fields=list)
    cdef list _decode(self, bytes block)
    cdef _count(self, Py_ssize_t fields)
    @cython.locals(head=RequestHead, bit=int, meaning=tuple)
    cdef _take_pseudo_field(self, int kind, HeaderField field)
    @cython.locals(head=RequestHead, value=bytes, bit=int, seen=int)
    cdef bint _take_field(self, int kind, HeaderField field) except -1
    @cython.locals(head=RequestHead, pseudo_fields=int, target=bytes)
    cdef _end(self, bint body_follows)
    @cython.locals(head=RequestHead, target=bytes)
    cdef _connect(self, int pseudo_fields)


cpdef FieldsReader new_fields_reader(tuple limits)
cpdef int parse_priority(bytes value)
