"""The constants of HTTP/2 (RFC 9113, RFC 9218), and the events of a session."""

from uvicorn._speedups.flags import COMPLETE

# The first bytes of every client (RFC 9113 section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Frame types (RFC 9113 section 6, RFC 9218 section 7.1).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16

# Flags of frames. ACK and END_STREAM are the same bit, in different frames.
ACK = END_STREAM = 1
END_HEADERS = 4
PADDED = 8
HAS_PRIORITY = 32

# Error codes (RFC 9113 section 7).
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)
INADEQUATE_SECURITY = 12

# Settings (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
ENABLE_CONNECT_PROTOCOL = 8
NO_RFC7540_PRIORITIES = 9

# The states of a stream that has been opened (RFC 9113 section 5.1).
OPEN, HALF_CLOSED_REMOTE, CLOSED = range(3)

# The longest payload of a frame that every peer has to accept, in bytes (RFC 9113 section 4.2). We neither send nor
# accept a longer one.
FRAME_MAX = 16384

# The initial size of every window, and the largest one, in bytes (RFC 9113 section 6.9).
DEFAULT_WINDOW = 65535
MAX_WINDOW = 2**31 - 1

# The highest number of a stream. The first GOAWAY of a shutdown has it (RFC 9113 section 6.8).
MAX_STREAM_ID = 2**31 - 1

# The priority of a request without a priority. A priority is the urgency times two, plus one if the response is
# incremental (RFC 9218 section 4).
DEFAULT_PRIORITY = 6

# The kinds of events of a session. An event is (kind, stream, content).
#   kind          content            meaning
#   REQUEST       RequestHead        a request
#   BODY          bytes              a part of its body; `Stream.more_body` says whether more follows
#   CONNECT       RequestHead        a request for a WebSocket (RFC 8441)
#   REJECTED      RequestRejected    a request that the wire has to answer with the status of the exception
#   RESET         None               the client has reset the stream
#   STREAM_ERROR  the reason         the session has reset the stream; the stream is None if no event had it
#   PONG          None               the client has answered the PING of `Session.begin_shutdown`
#   FAULT         ConnectionFault    the connection ends: GOAWAY is in the output, and nothing more is read
REQUEST, BODY, CONNECT, REJECTED, RESET, STREAM_ERROR, PONG, FAULT = range(8)

# A result of `Session.send`, besides the states of a response: bytes are queued, so the application should wait.
QUEUED = COMPLETE + 1
