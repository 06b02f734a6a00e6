"""Flags of a request and states of its response: numbers that both builds share."""

# One bit for each fact about a request. Without any bit from HAS_FORWARDED on, the request has no body and no special
# wish: it only has to be answered. UNREAD: more bytes follow the head.
KEEP_ALIVE, OLD_VERSION, HEAD_REQUEST, HAS_FORWARDED, UNREAD, BODY_FOLLOWS, EXPECTS_CONTINUE, WANTS_UPGRADE = (
    1 << bit for bit in range(8)
)

# How far a response is (ASGI specification, HTTP).
EXPECT_START, EXPECT_BODY, SENDING_FILE, EXPECT_TRAILERS, COMPLETE = range(5)

# What ends the body of a response (RFC 9112 section 6.3); STREAM is a flag of its last frame in HTTP/2.
NO_BODY, LENGTH, CHUNKED, CLOSE, STREAM = range(5)

# Whether the response goes on, and whether the connection does after it; OPEN is false.
OPEN, PERSISTS, CLOSES = range(3)
