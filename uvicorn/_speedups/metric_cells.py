"""Where each number of a process is in the memory that its supervisor reads: a cell for each, all of them doubles."""

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
OTHER_METHOD = len(METHODS)
METHOD_INDICES = {name: index for index, name in enumerate(METHODS)}
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
CLASSES = len(STATUS_CLASSES)
# Of requests that the server itself has refused, by status; the last is for any other.
REJECTIONS = {400: "malformed", 408: "timeout", 413: "body", 414: "request_line", 431: "head", 503: "concurrency"}
# Why connections are closed before a request is read; the last cell is for any other reason.
REFUSALS = ("tls_handshake", "proxy_protocol", "shutdown")
BUCKETS_MAX = 64

# Gauges, each of this process and for the present.
STATE, TICK_DUE, LOOP_LAG, CONNECTIONS, WEBSOCKETS, IN_FLIGHT = range(6)
GAUGES = 6
# Counters, which are kept when the process ends.
ACCEPTED = GAUGES
WEBSOCKETS_ACCEPTED = ACCEPTED + 1
WEBSOCKETS_REJECTED = ACCEPTED + 2
HTTP2_STREAMS = ACCEPTED + 3
RESETS_SENT = ACCEPTED + 4
RESETS_RECEIVED = ACCEPTED + 5
BODY_BYTES = ACCEPTED + 6
DURATION = ACCEPTED + 7
REJECTED = ACCEPTED + 8
REFUSED = REJECTED + len(REJECTIONS) + 1
REQUESTS = REFUSED + len(REFUSALS) + 1
BUCKETS = REQUESTS + (len(METHODS) + 1) * CLASSES
CELLS = BUCKETS + BUCKETS_MAX + 1

# What is in the cell STATE.
STARTING, SERVING, STOPPING = range(3)
