# The C types of _http2_py.py.
cimport cython

from uvicorn._speedups._hpack_c cimport Encoder, new_encoder
from uvicorn._speedups._http2_fields_c cimport FieldsReader, new_fields_reader, parse_priority
from uvicorn._speedups._http2_output_c cimport Output, new_output
from uvicorn._speedups._http2_stream_c cimport Stream, new_stream
from uvicorn._speedups._response_c cimport Http2Framer, new_http2_framer
from uvicorn._speedups._scan_c cimport cut, get_uint32

cdef int AWAIT_PREFACE, AWAIT_SETTINGS, READY, FAULTY
cdef int OPEN, HALF_CLOSED_REMOTE, CLOSED
cdef int QUEUED, REQUEST, BODY, CONNECT, REJECTED, RESET, STREAM_ERROR, PONG, FAULT
cdef int COMPLETE, EXPECT_BODY
cdef int ACK, END_STREAM, END_HEADERS, PADDED, HAS_PRIORITY
cdef int DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION
cdef int PRIORITY_UPDATE
cdef int NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM
cdef int COMPRESSION_ERROR, ENHANCE_YOUR_CALM
cdef int HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE
cdef int MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES
cdef Py_ssize_t FRAME_MAX
cdef long long DEFAULT_WINDOW, MAX_WINDOW, MAX_STREAM_ID
cdef int DEFAULT_PRIORITY
cdef long long STREAM_WINDOW
cdef double RESETS_BURST, RESETS_PER_SECOND
cdef double IDLE_FRAMES_BURST, IDLE_FRAMES_PER_SECOND, IDLE_FRAMES_PER_REQUEST, IDLE_FRAMES_PER_DATA
cdef Py_ssize_t ABANDONED_MAX
cdef long long CONTINUATIONS
cdef bytes PREFACE, _PING_OF_SHUTDOWN
cdef object _join


cdef class Session:
    cdef FieldsReader reader
    cdef Encoder encoder
    cdef readonly Output output
    cdef long long limit_block
    cdef long long limit_body
    cdef long long max_streams
    cdef readonly int state
    cdef readonly dict streams
    cdef readonly Py_ssize_t active
    cdef unsigned int last_stream
    cdef unsigned int last_served
    cdef readonly bint ending
    cdef dict abandoned
    cdef dict early_priorities
    cdef list events
    cdef Py_ssize_t position
    cdef list partial
    cdef Py_ssize_t partial_size
    cdef int partial_kind
    cdef Py_ssize_t needed
    cdef list block
    cdef unsigned int block_stream
    cdef bint block_end_stream
    cdef long long block_frames
    cdef long long block_size
    cdef long long window
    cdef long long window_target
    cdef long long owed
    cdef long long initial_window
    cdef double updated
    cdef double resets
    cdef double idle_frames

    @cython.locals(payload=bytes)
    cdef _put_settings(self, limit_head, bint connect_protocol)
    @cython.locals(elapsed=double)
    cpdef feed(self, bytes data, double now)
    cpdef bint in_head(self)
    @cython.locals(event=tuple, stream=Stream, kind=int)
    cpdef next(self)
    cpdef bint has_events(self)
    @cython.locals(parts=list)
    cpdef bytes take_body(self, Stream stream)
    @cython.locals(
        pos=Py_ssize_t, size=Py_ssize_t, buf="const unsigned char *", length=Py_ssize_t, kind=int,
        number="unsigned int",
    )
    cdef _read_frames(self, bytes data)
    cdef _keep(self, bytes data, Py_ssize_t pos, Py_ssize_t needed, int kind)
    cdef _take_frame(self, int kind, int flags, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(end_stream=bint)
    cdef _take_headers(self, int flags, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(number="unsigned int", block=bytes)
    cdef _take_continuation(self, int flags, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(stream=Stream)
    cdef _take_block(self, unsigned int number, bint end_stream, bytes block)
    @cython.locals(stream=Stream)
    cdef _take_trailers(self, unsigned int number, bint end_stream, bytes block)
    @cython.locals(flow=Py_ssize_t, size=Py_ssize_t, stream=Stream)
    cdef _take_data(self, int flags, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _take_late_data(self, unsigned int number)
    @cython.locals(size=Py_ssize_t)
    cdef _take_part(self, Stream stream, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _report_body(self, Stream stream)
    cdef _end_body(self, Stream stream)
    cdef _check_dependency(self, unsigned int number, bytes data, Py_ssize_t pos)
    cdef _take_priority(self, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(stream=Stream, priority=int)
    cdef _take_priority_update(self, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(stream=Stream)
    cdef _take_rst_stream(self, unsigned int number, Py_ssize_t size)
    @cython.locals(initial_window="long long", name=int, value="unsigned int")
    cdef _take_settings(self, int flags, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    @cython.locals(change="long long", stream=Stream)
    cdef _change_initial_window(self, long long initial_window)
    @cython.locals(payload=bytes)
    cdef _take_ping(self, int flags, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _take_goaway(self, unsigned int number, Py_ssize_t size)
    @cython.locals(increment="long long", stream=Stream)
    cdef _take_window_update(self, unsigned int number, bytes data, Py_ssize_t pos, Py_ssize_t end)
    cdef _spend_frame(self)
    cdef _spend_reset(self)
    cdef _earn_frames(self, Py_ssize_t count)
    cdef _reset(self, Stream stream, int code, str reason)
    cdef _reset_number(self, unsigned int number, int code, str reason)
    cdef _abandon(self, unsigned int number)
    cdef _close(self, Stream stream)
    cdef _fail(self, fault)
    cpdef release(self, Stream stream)
    cpdef reset(self, Stream stream, int code)
    @cython.locals(size="long long", waits=bint)
    cpdef bint credit(self, Stream stream) except -1
    cpdef credit_tunnel(self, Stream stream, long long size)
    cpdef widen(self, long long size)
    cdef _owe(self, long long size)
    cdef _owe_stream(self, Stream stream, long long size)
    cpdef begin_shutdown(self)
    cpdef end_shutdown(self)
    cpdef refuse(self, int code, str reason)
    cpdef start(self, Stream stream, message, list default_headers)
    @cython.locals(framer=Http2Framer, data=bytes, state=int)
    cpdef int send(self, Stream stream, message) except -1
    cpdef send_bytes(self, Stream stream, bytes data, bint ends)
    @cython.locals(framer=Http2Framer)
    cpdef send_head(self, Stream stream)
    cpdef send_interim(self, Stream stream, int status, headers)
    cpdef take_back(self, Stream stream)
    @cython.locals(size=Py_ssize_t, framer=Http2Framer)
    cdef _send_data(self, Stream stream, bytes data, bint ends)
    cdef _put_trailers(self, Stream stream)
    cdef _end_response(self, Stream stream)
    @cython.locals(output=Output, stream=Stream)
    cpdef bytes take_output(self)
