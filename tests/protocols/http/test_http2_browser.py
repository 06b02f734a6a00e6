"""A real browser over TLS: it negotiates HTTP/2 by ALPN and sends all its requests on one connection."""

import json
from pathlib import Path

import pytest
import trustme

from tests.browser import BROWSER_PATIENCE, browse, needs_browser
from tests.processes import serve
from tests.protocols.http.http2_app import TOGETHER

pytestmark = [pytest.mark.once, needs_browser]


@pytest.fixture
def certificate(tmp_path: Path) -> str:
    path = tmp_path / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


def test_a_page_and_what_it_fetches(tmp_path: Path, certificate: str) -> None:
    with serve("tests.protocols.http.http2_app:app", "--http2", "--ssl-certfile", certificate) as server:
        with browse(server.url.replace("http:", "https:") + "/page", tmp_path):
            report = server.wait_stdout(r"report: (.*)\n", timeout=BROWSER_PATIENCE)
        assert json.loads(report[1]) == {
            # The application answers no request before all requests have arrived.
            "together": [200] * TOGETHER,
            "upload": True,
            "download": 5_000_000,
            "left": "AbortError",
            "protocols": ["h2"],
        }
        server.wait_stdout(r"http\.disconnect\n")
        server.wait_stdout(r'"GET /page HTTP/2" 200 OK')
        assert "Traceback" not in server.stderr


def test_early_hints(tmp_path: Path, certificate: str) -> None:
    """The browser requests the target of a hint before the page is answered."""
    with serve("tests.protocols.http.hints_app:app", "--http2", "--ssl-certfile", certificate) as server:
        with browse(server.url.replace("http:", "https:") + "/page", tmp_path):
            report = server.wait_stdout(r"the hint was (not )?taken", timeout=BROWSER_PATIENCE)
        assert report[0] == "the hint was taken"
