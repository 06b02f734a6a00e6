"""What the scopes of all requests of a listener have in common (ASGI specification, HTTP connection scope)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.protocols.http.protocol import HTTPProtocol


def get_scope_template(connection: "HTTPProtocol") -> dict[str, Any]:
    """The scope of a GET over HTTP/1.1 without a query; connections to the same address share one."""
    templates = connection.server_state.scope_templates
    key = (connection.server, connection.scheme)
    template = templates.get(key)
    if template is None:
        template = templates[key] = {
            "type": "http",
            "asgi": {"version": connection.config.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": connection.server,
            "client": None,
            "scheme": connection.scheme,
            "method": "GET",
            "root_path": connection.root_path,
            "path": "",
            "raw_path": connection.root_path.encode(),
            "query_string": b"",
            "headers": [],
            "state": {},
        }
    return template
