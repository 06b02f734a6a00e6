"""What an access line may be made of: the kinds of its parts, which `uvicorn.access_format` finds in a format."""

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

# Those that are known when the response has ended.
OF_THE_END = frozenset((SIZE, SIZE_OR_DASH, SECONDS, MILLISECONDS, MICROSECONDS, DECIMAL_SECONDS, RESPONSE_FIELD))
