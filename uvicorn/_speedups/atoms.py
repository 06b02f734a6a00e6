"""The kinds of parts that an access line can have. `uvicorn.access_format` finds them in a format."""

(
    TEXT,
    CLIENT,
    USER,
    TIME,
    TIME_IN_JSON,
    METHOD,
    PATH,
    QUERY,
    VERSION,
    REQUEST_LINE,
    STATUS,
    SIZE,
    SIZE_OR_DASH,
    SECONDS,
    MILLISECONDS,
    MICROSECONDS,
    DECIMAL_SECONDS,
    REQUEST_FIELD,
    RESPONSE_FIELD,
) = range(19)

# The kinds whose value is known only when the response has ended.
OF_THE_END = frozenset((SIZE, SIZE_OR_DASH, SECONDS, MILLISECONDS, MICROSECONDS, DECIMAL_SECONDS, RESPONSE_FIELD))
