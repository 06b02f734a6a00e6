"""Flags of a request and states of its response: numbers that both builds share."""

# Flags of a request. The order matters: a request whose flags are less than HAS_FORWARDED has no body and needs no
# special treatment. UNREAD means that more bytes follow the head.
KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST, HAS_FORWARDED, UNREAD, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE = (
    1 << bit for bit in range(8)
)

# States of a response: what the application may send next (ASGI specification, HTTP).
EXPECT_START, EXPECT_BODY, SENDING_FILE, EXPECT_TRAILERS, COMPLETE = range(5)

# The status that nginx logs, and we too, if the client left before it was answered.
CLIENT_CLOSED_REQUEST = 499

# How the end of a response body is marked (RFC 9112 section 6.3). STREAM: by END_STREAM, in HTTP/2.
NO_BODY, LENGTH, CHUNKED, CLOSE, STREAM = range(5)

# What follows a part of a response. OPEN: more parts (the value is false). PERSISTS: the response is complete, and the
# connection stays open. CLOSES: the response is complete, and the connection ends.
OPEN, PERSISTS, CLOSES = range(3)
