# The C bodies of _payload_py.py that need the C API: they allocate an object of the right size and write into it.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_New
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline uint64_t _apply_mask(
    unsigned char *out, const unsigned char *payload, Py_ssize_t size, uint64_t mask
) noexcept:
    # Returns a number in which a byte has its high bit set if any byte of the payload has.
    cdef unsigned char key[8]
    cdef uint64_t repeated, word, seen = 0
    cdef Py_ssize_t i, words = size // 8
    for i in range(8):
        key[i] = <unsigned char>(mask >> (24 - 8 * (i & 3)))
    memcpy(&repeated, key, 8)
    for i in range(words):
        memcpy(&word, payload + 8 * i, 8)
        word ^= repeated
        seen |= word
        memcpy(out + 8 * i, &word, 8)
    for i in range(words * 8, size):
        out[i] = payload[i] ^ key[i & 7]
        seen |= out[i]
    return seen


cdef inline bytes unmask_into_bytes(bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask):
    cdef bytes payload = PyBytes_FromStringAndSize(NULL, stop - start)
    _apply_mask(
        <unsigned char *>PyBytes_AS_STRING(payload),
        <const unsigned char *>PyBytes_AS_STRING(data) + start, stop - start, mask,
    )
    return payload


cdef inline object unmask_into_text(bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask):
    cdef Py_ssize_t size = stop - start
    cdef str text
    cdef unsigned char *out
    if not size:
        return ""
    text = PyUnicode_New(size, 127)
    out = <unsigned char *>PyUnicode_1BYTE_DATA(text)
    if _apply_mask(out, <const unsigned char *>PyBytes_AS_STRING(data) + start, size, mask) & 0x8080808080808080U:
        # The str claims to be ASCII, but is not. It is dropped here.
        return PyBytes_FromStringAndSize(<char *>out, size)
    return text


cdef inline object new_text(Py_ssize_t size):
    return PyUnicode_New(size, 127)


cdef inline object new_bytes(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


cdef inline bint unmask_into_message(
    object message, Py_ssize_t place, bytes data, Py_ssize_t start, Py_ssize_t stop, uint64_t mask
):
    # The object may be changed, because only the codec has it. If a text is not ASCII, the codec drops the object.
    cdef unsigned char *out
    if isinstance(message, str):
        out = <unsigned char *>PyUnicode_1BYTE_DATA(message)
    else:
        out = <unsigned char *>PyBytes_AS_STRING(message)
    return not _apply_mask(
        out + place, <const unsigned char *>PyBytes_AS_STRING(data) + start, stop - start, mask
    ) & 0x8080808080808080U


cdef inline bytes _new_frame(int first, const char *payload, Py_ssize_t size):
    cdef Py_ssize_t begin = 2 if size < 126 else 4 if size < 65536 else 10
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, begin + size)
    cdef unsigned char *out = <unsigned char *>PyBytes_AS_STRING(frame)
    cdef Py_ssize_t i
    out[0] = <unsigned char>first
    if begin == 2:
        out[1] = <unsigned char>size
    else:
        out[1] = 126 if begin == 4 else 127
        for i in range(2, begin):
            out[i] = <unsigned char>(<uint64_t>size >> (8 * (begin - 1 - i)))
    memcpy(out + begin, payload, size)
    return frame


cdef inline bytes new_frame(int first, bytes payload):
    return _new_frame(first, PyBytes_AS_STRING(payload), len(payload))


cdef inline bytes new_ascii_frame(int first, str text):
    return _new_frame(first, <const char *>PyUnicode_1BYTE_DATA(text), len(text))
