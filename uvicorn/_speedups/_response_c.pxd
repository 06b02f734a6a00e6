# The C types of _response_py.py.
cimport cython

cdef int CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING
cdef int KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST
cdef int EXPECT_START, EXPECT_BODY, COMPLETE
cdef int NO_BODY, LENGTH, CHUNKED, CLOSE
cdef int OPEN, PERSISTS, CLOSES
cdef bint COMPILED
cdef Py_ssize_t _MAX_DIGITS, _SMALL
cdef dict KNOWN_FIELDS, STATUS_LINES, _good_names, _chunk_heads

cdef tuple _memo
cdef object _join, as_bytes

cdef tuple _remember(bytes line, bytes default_block)
cdef tuple _check_name(object name)
@cython.locals(c="unsigned char")
cdef bint _is_clean(bytes value)
@cython.locals(head=bytes)
cdef bytes _chunk(bytes data, Py_ssize_t size, bint more_body)
cdef bytes _unusual_status_line(object status)
@cython.locals(length="long long", c="unsigned char")
cdef long long _parse_length(bytes value)
cdef list _split_list(bytes value)


cdef class ResponseFramer:
    cdef readonly int state
    cdef readonly int status
    cdef public bint keep_alive
    cdef readonly bint begun
    cdef readonly bint head_sent
    cdef readonly int framing
    cdef int flags
    cdef long long expected
    cdef bint coded
    cdef bint persist
    cdef list lines
    cdef list options

    cpdef begin(self, int flags)

    @cython.locals(fields=dict, line=bytes, lines=list, known=tuple, memo=tuple)
    cpdef start(self, message, bytes default_block)
    cdef bytes _decide(self, int kind, bytes value, status)
    @cython.locals(bodiless=bint)
    cdef _frame(self, list lines, status)
    @cython.locals(length="long long")
    cdef bytes _take_length(self, bytes value)
    @cython.locals(coding=bytes, name=bytes)
    cdef _take_codings(self, bytes value)
    @cython.locals(options=list, option=bytes)
    cdef _take_options(self, bytes value)
    @cython.locals(fields=dict, lines=list, size=Py_ssize_t, framing=int, more_body=bint)
    cpdef bytes body(self, message)
    @cython.locals(lines=list)
    cpdef bytes head(self)
    @cython.locals(options=list, option=bytes)
    cdef bytes _end_head(self)
    cpdef send(self, message, bytes default_block)
    cpdef int end(self)
