# The clock of `time.monotonic`. Without a call of Python and its object, a response that is observed costs 300
# instructions less.
cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030d0000
    static double uvicorn_monotonic(void) {
        PyTime_t now;
        (void)PyTime_MonotonicRaw(&now);
        return PyTime_AsSecondsDouble(now);
    }
    #else
    static double uvicorn_monotonic(void) {
        return _PyTime_AsSecondsDouble(_PyTime_GetMonotonicClock());
    }
    #endif
    """
    double monotonic "uvicorn_monotonic" () noexcept nogil
