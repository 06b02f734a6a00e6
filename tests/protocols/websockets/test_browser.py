"""A page in a real headless browser: its WebSocket, the compression, and a close that the browser calls clean."""

import json
from pathlib import Path

import pytest
import trustme

from tests.browser import BROWSER_PATIENCE, browse, needs_browser
from tests.processes import serve
from tests.protocols.websockets.classes import SERVED

pytestmark = [pytest.mark.once, needs_browser]


@pytest.mark.parametrize("codec_name", SERVED)
def test_a_page(codec_name: str, tmp_path: Path) -> None:
    check_page(codec_name, tmp_path, "1.1")


@pytest.mark.parametrize("codec_name", SERVED)
def test_a_page_over_http2(codec_name: str, tmp_path: Path) -> None:
    """The browser opens the WebSockets on the connection that it used for the page."""
    certificate = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    check_page(codec_name, tmp_path, "2", "--http2", "--ssl-certfile", str(certificate))


def check_page(codec_name: str, tmp_path: Path, http_version: str, *options: str) -> None:
    pytest.importorskip(SERVED[codec_name])
    application = "tests.protocols.websockets.browser_app:app"
    with serve(application, "--ws", codec_name, "--lifespan", "off", *options) as server:
        url = server.url.replace("http:", "https:") if options else server.url
        with browse(url, tmp_path):
            report = server.wait_stdout(r"report: (.*)\n", timeout=BROWSER_PATIENCE)
        assert json.loads(report[1]) == [
            "one",
            "permessage-deflate",
            "text",
            "binary",
            *(4123, "by the app \u00fc", True),
            *(4321, "by the page", True),
            1006,
        ]
        server.wait_stdout("disconnect: 4321 by the page")
        server.wait_stdout(f'"GET / HTTP/{http_version}" 200 OK')
        server.wait_stdout(f"over HTTP: {http_version}\n", count=3)
