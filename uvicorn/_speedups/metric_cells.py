"""The indices of the numbers in the memory in which a process counts. Each number is a double, in a cell of its own."""

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
OTHER_METHOD = len(METHODS)
METHOD_INDICES = {name: index for index, name in enumerate(METHODS)}
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
CLASSES = len(STATUS_CLASSES)
# Status -> reason, of requests that the server itself has refused. One more cell is for other statuses.
REJECTIONS = {400: "malformed", 408: "timeout", 413: "body", 414: "request_line", 431: "head", 503: "concurrency"}
# The reasons for which connections are closed before a request is read. One more cell is for other reasons.
REFUSALS = ("tls_handshake", "proxy_protocol", "shutdown")
BUCKETS_MAX = 64

# Gauges: the present values of a process.
STATE, TICK_DUE, LOOP_LAG, CONNECTIONS, WEBSOCKETS, IN_FLIGHT = range(6)
GAUGES = 6
# Counters. The supervisor keeps them when the process ends.
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

# The values of the cell STATE.
STARTING, SERVING, STOPPING = range(3)
