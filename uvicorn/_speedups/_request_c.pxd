# The C types of _request_py.py. The tables stay Python objects; sizes and kinds become C integers.
cimport cython

cdef int CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TRANSFER_ENCODING, UPGRADE
cdef int LINE, FIELDS, BODY, TRAILERS, ENDED
cdef int KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST, HAS_FORWARDED, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE
cdef bint COMPILED
cdef Py_ssize_t _SECTION_MAX
cdef int _MISSES_MAX
cdef dict KNOWN_FIELDS, METHODS
cdef list _SLOTS
cdef bytes _HTTP_1_1

@cython.locals(size=Py_ssize_t, last=int)
cdef int _slot(const unsigned char *data, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(known=tuple, word=bytes, lower="const unsigned char *", i=Py_ssize_t)
cdef tuple _find_known(const unsigned char *data, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(buf="const unsigned char *", size=Py_ssize_t, i=Py_ssize_t)
cdef Py_ssize_t _find_line_end(bytes data, Py_ssize_t pos) except -1
@cython.locals(buf="const unsigned char *", size=Py_ssize_t, i=Py_ssize_t)
cdef Py_ssize_t _find_empty_line(bytes data, Py_ssize_t pos) except -1
@cython.locals(buf="const unsigned char *", size=Py_ssize_t, path=Py_ssize_t, i=Py_ssize_t)
cdef Py_ssize_t _measure_path(bytes target) except -2
@cython.locals(element=bytes)
cdef list _split_list(bytes value)


cdef class RequestHead:
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


cdef class RequestBuilder:
    cdef readonly object sink
    cdef object tell
    cdef public object parse
    cdef public bint hold
    cdef readonly Py_ssize_t position
    cdef Py_ssize_t limit_line, limit_fields, limit_head
    cdef long long limit_body
    cdef bytes line
    cdef readonly int phase
    cdef RequestHead head
    cdef Py_ssize_t head_size
    cdef bint too_large
    cdef bytes tail
    cdef bytes block
    cdef Py_ssize_t block_start, block_end
    cdef bytearray pieces
    cdef bytes prefix
    cdef int facts
    cdef Py_ssize_t start
    cdef list headers
    cdef bytes host
    cdef bytes known_section
    cdef list known_headers
    cdef bytes known_host
    cdef int misses
    cdef bytes authority
    cdef Py_ssize_t field_count
    cdef readonly long long content_length
    cdef bytes coding
    cdef readonly bint chunked
    cdef bytes upgrade
    cdef long long body_size
    cdef bytes last
    cdef readonly long long chunks
    cdef readonly long long remaining

    cdef _reset(self)
    cpdef attach(self, sink)
    cpdef release(self)
    cpdef bint is_fresh(self)
    cpdef bint in_head(self)
    cpdef bint in_message(self)
    cdef Py_ssize_t _take_piece(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    cdef Py_ssize_t _find_end(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(
        buf="const unsigned char *", first=Py_ssize_t, second=Py_ssize_t, third=Py_ssize_t,
        words=list, name=bytes, target=bytes, version_word=bytes, head=RequestHead, method=str,
    )
    cdef _parse_line(self, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(path=Py_ssize_t, size=Py_ssize_t, text=str)
    cdef _parse_target(self, RequestHead head, bytes target)
    cdef bytes _take_other_target(self, RequestHead head, bytes target)
    cdef _decide(self, int kind, bytes value)
    cdef _note_content_length(self, bytes value)

    @cython.locals(size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, prefix=bytes)
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(size=Py_ssize_t, eol=Py_ssize_t)
    cdef Py_ssize_t take_line(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t take_fields(self, bytes data, Py_ssize_t start, Py_ssize_t pos) except -1
    cdef _keep(self, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cpdef begin_trailers(self)
    @cython.locals(end=Py_ssize_t)
    cpdef Py_ssize_t take_trailers(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(
        buf="const unsigned char *", block=bytes, name=bytes, known=tuple,
        pos=Py_ssize_t, end=Py_ssize_t, i=Py_ssize_t, stop=Py_ssize_t,
    )
    cdef _split_fields(self)
    @cython.locals(kind=int)
    cdef _take_field(self, tuple known, bytes name, bytes value)
    cpdef on_headers_complete(self)
    @cython.locals(head=RequestHead, old=bint, facts=int)
    cdef _finish_head(self, bint recalled)
    cpdef on_chunk_header(self)
    @cython.locals(size=Py_ssize_t)
    cpdef on_body(self, bytes data)
    @cython.locals(facts=int, last=bytes)
    cpdef on_message_complete(self)
    @cython.locals(size=Py_ssize_t)
    cdef bint _is_known(self)
    @cython.locals(head=RequestHead)
    cdef bint _is_known_good(self)
    cdef _remember_fields(self)
    @cython.locals(known=tuple)
    cdef _check_trailers(self)
