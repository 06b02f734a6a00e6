"""The numbers of HTTP/2 (RFC 9113, 9218), and the events of a session."""

from uvicorn._speedups.flags import COMPLETE

# Sent by the client before all else (RFC 9113 section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Frame types (RFC 9113 section 6, RFC 9218 section 7.1).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16

# Flags of frames; ACK and END_STREAM are the same bit of different frames.
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

# What is known of a stream (RFC 9113 section 5.1).
OPEN, HALF_CLOSED_REMOTE, CLOSED = range(3)

# Bytes of a frame's payload that every peer takes (RFC 9113 section 4.2); we neither send nor take more.
FRAME_MAX = 16384

# Both windows before anything is said of them, and the most that one can be (RFC 9113 section 6.9).
DEFAULT_WINDOW = 65535
MAX_WINDOW = 2**31 - 1

# The highest number of a stream, which the first of two GOAWAY frames names (RFC 9113 section 6.8).
MAX_STREAM_ID = 2**31 - 1

# The priority of a request that does not say: the urgency times two, plus one if the response is of use in parts (RFC
# 9218 section 4).
DEFAULT_PRIORITY = 6

# The events of a session, each as (kind, stream, content).
#   REQUEST       the content is a RequestHead
#   BODY          bytes, which may be none at the end of the body: `Stream.more_body`
#   CONNECT       a RequestHead that asks for a WebSocket (RFC 8441): the stream is a tunnel
#   REJECTED      RequestRejected: the request is to be answered with its status
#   RESET         None: the client has reset the stream
#   STREAM_ERROR  the reason: we have reset the stream, which is None if it was not given out
#   PONG          None: the client has answered the PING of `Session.begin_shutdown`
#   FAULT         ConnectionFault: GOAWAY is in the output, and nothing more is read
REQUEST, BODY, CONNECT, REJECTED, RESET, STREAM_ERROR, PONG, FAULT = range(8)

# What `Session.send` says beside the states of a response: more may be sent once the client takes what is queued.
QUEUED = COMPLETE + 1
