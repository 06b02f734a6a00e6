# The C types of _request_py.py. The tables stay Python objects; sizes and kinds become C integers.
cimport cython

cdef int CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE
cdef int LINE, FIELDS, BODY, ENDED
cdef int NO_BODY, LENGTH, CHUNKED
cdef int KEEP_ALIVE, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE
cdef bint COMPILED
cdef dict KNOWN_FIELDS, METHODS, _VERSIONS
cdef set GOOD_AUTHORITIES


cdef class RequestHead:
    cdef public str method
    cdef public bytes target
    cdef public str path
    cdef public bytes raw_path
    cdef public bytes query_string
    cdef public str http_version
    cdef public list headers
    cdef public bint keep_alive
    cdef public bytes upgrade
    cdef public bint expect_continue
    cdef public int framing
    cdef public object content_length
    cdef public int facts

    @cython.locals(scope=dict, asgi=dict)
    cpdef dict build_scope(self, dict template, client, dict state)


cdef class RequestBuilder:
    cdef readonly object sink
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
    cdef Py_ssize_t start
    cdef list headers
    cdef bytes host
    cdef bytes authority
    cdef Py_ssize_t field_count
    cdef readonly long long content_length
    cdef bytes coding
    cdef readonly bint chunked
    cdef readonly bint in_trailers
    cdef bint close
    cdef bint upgrade_token
    cdef bytes upgrade
    cdef bint expect_continue
    cdef long long body_size
    cdef readonly long long chunks
    cdef readonly long long remaining

    cdef _reset(self)
    cpdef bint in_head(self)
    cpdef bint in_message(self)
    cdef Py_ssize_t _take_piece(self, bytes data, Py_ssize_t pos, Py_ssize_t end) except -1
    cdef Py_ssize_t _find_end(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(words=list, name=bytes, version_word=bytes, head=RequestHead, version=str, method=str)
    cdef _parse_line(self, bytes line)
    @cython.locals(text=str, mark=Py_ssize_t)
    cdef _parse_target(self, RequestHead head, bytes target)
    cdef _decide(self, int kind, bytes value)
    cdef _note_connection(self, bytes value)
    cdef _note_content_length(self, bytes value)

    @cython.locals(size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, prefix=bytes)
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(buf="const unsigned char *", size=Py_ssize_t, eol=Py_ssize_t)
    cdef Py_ssize_t take_line(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t take_fields(self, bytes data, Py_ssize_t start, Py_ssize_t pos) except -1
    cdef _keep(self, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cpdef begin_trailers(self)
    @cython.locals(end=Py_ssize_t)
    cpdef Py_ssize_t take_trailers(self, bytes data, Py_ssize_t pos) except -1
    @cython.locals(
        buf="const unsigned char *", block=bytes, name=bytes,
        pos=Py_ssize_t, end=Py_ssize_t, i=Py_ssize_t, stop=Py_ssize_t,
    )
    cdef _split_fields(self)
    @cython.locals(known=tuple, kind=int)
    cdef _take_field(self, bytes name, bytes value)
    @cython.locals(head=RequestHead, old=bint)
    cpdef on_headers_complete(self)
    cpdef on_chunk_header(self)
    @cython.locals(size=Py_ssize_t)
    cpdef on_body(self, bytes data)
    @cython.locals(head=RequestHead)
    cpdef on_message_complete(self)
    @cython.locals(known=tuple)
    cdef _check_trailers(self)
