"""`--http auto`: uses httptools if it is installed, otherwise h11."""

from uvicorn.protocols.http.http1 import Http1

AutoHTTPProtocol: type[Http1]
try:
    import httptools  # noqa: F401
except ImportError:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    AutoHTTPProtocol = H11Protocol
else:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    AutoHTTPProtocol = HttpToolsProtocol
