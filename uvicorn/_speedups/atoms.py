"""The kinds of parts that an access line can have. `uvicorn.access_format` finds them in a format."""

(
    TEXT,
    CLIENT,
    METHOD,
    VERSION,
    PATH,
    QUERY,
    MAYBE_QUERY,  # a question mark and the query, or nothing without a query
    USER,
    TIME,
    MILLISECONDS_OF_TIME,
    STATUS,
    SIZE,
    SIZE_OR_DASH,
    SECONDS,
    MILLISECONDS,
    MICROSECONDS,
    MILLISECONDS_OF_DURATION,  # the first three digits of the fraction
    MICROSECONDS_OF_DURATION,  # the last three digits of the fraction
    REQUEST_FIELD,
    RESPONSE_FIELD,
) = range(20)

# The kinds that show the time.
OF_THE_TIME = frozenset((TIME, MILLISECONDS_OF_TIME))

# The kinds whose value is known only when the response has ended.
OF_THE_END = frozenset(
    (
        SIZE,
        SIZE_OR_DASH,
        SECONDS,
        MILLISECONDS,
        MICROSECONDS,
        MILLISECONDS_OF_DURATION,
        MICROSECONDS_OF_DURATION,
        RESPONSE_FIELD,
    )
)
