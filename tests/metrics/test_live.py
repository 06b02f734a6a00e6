"""Metrics and health of real servers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, ROOT, ServerProcess, exchange, foreign_environ, free_port, serve
from tests.waiting import eventually
from uvicorn.resident_memory import read_rss

APP = "tests.metrics.app:app"
GET = b"GET %b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")


class Metrics:
    """The metrics listener of a server that a test starts."""

    def __init__(self, address: str = "") -> None:
        self.port = free_port()
        self.address = address or f"127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        where: Any = self.address.removeprefix("unix:") if ":" in self.address[:5] else ("127.0.0.1", self.port)
        head, _, body = exchange(where, GET % path.encode()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def value(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def wait(self, name: str, value: float) -> None:
        eventually(lambda: self.value(name) == value)


def test_one_process() -> None:
    metrics = Metrics()
    with serve(APP, "--metrics", metrics.address, "--limit-request-line", "100") as server:
        address = (server.host, server.port)
        server.wait_stderr(f"Metrics and health on http://127.0.0.1:{metrics.port}\n")
        eventually(lambda: metrics.status("/readyz") == 200)
        assert [metrics.status(path) for path in ("/livez", "/other")] == [200, 404]
        for path in (b"/parts", b"/parts", b"/raises"):
            exchange(address, GET % path)
        exchange(address, GET % (b"/" + b"a" * 200))
        exchange(address, b"x\r\n\r\n")
        metrics.wait('uvicorn_requests_total{method="GET",status="2xx"}', 2)
        metrics.wait('uvicorn_requests_total{method="GET",status="5xx"}', 1)
        metrics.wait("uvicorn_request_duration_seconds_count", 3)
        metrics.wait("uvicorn_response_body_bytes_total", 2 * len("onetwo") + len("Internal Server Error"))
        metrics.wait("uvicorn_connections_accepted_total", 5)
        metrics.wait('uvicorn_requests_rejected_total{reason="request_line"}', 1)
        metrics.wait('uvicorn_requests_rejected_total{reason="malformed"}', 1)
        metrics.wait("uvicorn_connections_open", 0)
        with socket.create_connection(address) as client:
            client.sendall(GET % b"/waits")
            metrics.wait("uvicorn_connections_open", 1)
            metrics.wait("uvicorn_requests_in_flight", 1)
        metrics.wait("uvicorn_requests_in_flight", 0)
        assert server.stop(signal.SIGINT) == 0
        with pytest.raises(OSError):
            metrics.get("/livez")


def test_http2_and_websockets() -> None:
    httpx = pytest.importorskip("httpx")
    websockets = pytest.importorskip("websockets.sync.client")
    metrics = Metrics()
    with serve(APP, "--http2", "--metrics", metrics.address) as server:
        with httpx.Client(http1=False, http2=True, base_url=server.url) as client:
            assert client.get("/parts").text == "onetwo"
            # The application fails within the response, so the client gets a part of it and then an error.
            with pytest.raises(httpx.HTTPError):
                client.get("/breaks")
        metrics.wait("uvicorn_http2_streams_total", 2)
        metrics.wait('uvicorn_http2_resets_total{by="server"}', 1)
        with websockets.connect(f"ws://{server.host}:{server.port}/ws", open_timeout=PATIENCE) as client:
            client.send("a")
            assert client.recv() == "a"
            metrics.wait("uvicorn_websockets_open", 1)
            assert metrics.value("uvicorn_requests_in_flight") == 0
        metrics.wait("uvicorn_websockets_open", 0)
        metrics.wait('uvicorn_websockets_total{answer="accepted"}', 1)


@posix
def test_no_counter_decreases_when_workers_change() -> None:
    metrics = Metrics()
    total = 'uvicorn_requests_total{method="GET",status="2xx"}'
    with serve(APP, "--workers", "2", "--metrics", metrics.address) as server:
        address = (server.host, server.port)
        metrics.wait('uvicorn_workers{state="serving"}', 2)
        for _ in range(10):
            exchange(address, GET % b"/parts")
        metrics.wait(total, 10)
        os.kill(server.workers[0], signal.SIGKILL)
        metrics.wait('uvicorn_worker_restarts_total{reason="died"}', 1)
        assert metrics.value(total) == 10
        metrics.wait('uvicorn_workers{state="serving"}', 2)
        server.send_signal(signal.SIGHUP)
        metrics.wait('uvicorn_worker_restarts_total{reason="restart"}', 2)
        exchange(address, GET % b"/parts")
        metrics.wait(total, 11)
        metrics.wait("uvicorn_request_duration_seconds_count", 11)
        eventually(lambda: 'worker="2"' in metrics.get("/metrics")[1])
        assert server.stop(signal.SIGINT) == 0


@posix
def test_workers_that_reach_their_limit() -> None:
    metrics = Metrics()
    with serve(APP, "--workers", "2", "--limit-max-requests", "3", "--metrics", metrics.address) as server:
        metrics.wait('uvicorn_workers{state="serving"}', 2)
        for _ in range(6):
            exchange((server.host, server.port), GET % b"/parts")
        server.wait_stderr(r"Child process \[\d+\] has reached --limit-max-requests, replacing it\.")
        eventually(lambda: metrics.value('uvicorn_worker_restarts_total{reason="requests"}') >= 1)


@posix
@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--worker-max-lifetime", "0.2", "lifetime"), ("--worker-max-rss", "1M", "memory")],
)
def test_workers_that_are_replaced_by_age_or_memory(option: str, value: str, reason: str) -> None:
    if reason == "memory" and read_rss(os.getpid()) is None:
        pytest.skip("the system does not report memory")
    metrics = Metrics()
    checks = ("--timeout-worker-healthcheck", "1")
    with serve(APP, "--workers", "2", option, value, *checks, "--metrics", metrics.address) as server:
        server.wait_stderr(rf"Child process \[\d+\] .* \({option}\), replacing it\.")
        eventually(lambda: metrics.value(f'uvicorn_worker_restarts_total{{reason="{reason}"}}') >= 1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_connections_that_are_refused(tmp_path: Path, workers: str) -> None:
    trustme = pytest.importorskip("trustme")
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    metrics = Metrics()
    arguments = ("--workers", workers, "--ssl-certfile", str(certificate), "--metrics", metrics.address)
    with serve(APP, *arguments) as server:
        eventually(lambda: metrics.status("/readyz") == 200)
        exchange((server.host, server.port), GET % b"/parts")
        metrics.wait('uvicorn_connections_refused_total{reason="tls_handshake"}', 1)
        assert metrics.value("uvicorn_connections_accepted_total") >= 1


@posix
def test_not_ready_during_startup_and_shutdown(tmp_path: Path) -> None:
    metrics = Metrics()
    hold = tmp_path / "hold"
    hold.touch()
    with serve(APP, "--metrics", metrics.address, env={"TEST_HOLD_STARTUP": str(hold)}, ready=False) as server:
        eventually(lambda: metrics.status("/readyz") == 503)
        assert metrics.status("/livez") == 200
        assert metrics.value('uvicorn_workers{state="starting"}') == 1
        hold.unlink()
        eventually(lambda: metrics.status("/readyz") == 200)
        server.wait_ready()
        check_the_way_out(server, metrics)


@posix
def test_a_supervisor_is_not_ready_during_shutdown() -> None:
    metrics = Metrics()
    with serve(APP, "--workers", "2", "--metrics", metrics.address) as server:
        eventually(lambda: metrics.status("/readyz") == 200)
        check_the_way_out(server, metrics)


def check_the_way_out(server: ServerProcess, metrics: Metrics) -> None:
    """During a shutdown that waits for a response, the server is not ready, but it is live."""
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(GET % b"/stream")
        metrics.wait("uvicorn_requests_in_flight", 1)
        server.send_signal(signal.SIGTERM)
        eventually(lambda: metrics.status("/readyz") == 503)
        assert metrics.status("/livez") == 200


def test_a_blocked_loop_is_noticed(tmp_path: Path) -> None:
    metrics = Metrics()
    hold = tmp_path / "hold"
    hold.touch()
    arguments = ("--metrics", metrics.address, "--timeout-worker-healthcheck", "0.2")
    with serve(APP, *arguments, env={"TEST_HOLD_LOOP": str(hold)}) as server:
        # On a loaded machine the check may run late, and the server may not be live at first.
        eventually(lambda: metrics.status("/livez") == 200)
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(GET % b"/block")
            server.wait_stderr("blocked")
            eventually(lambda: metrics.status("/livez") == 503)
            assert metrics.status("/readyz") == 503
            assert metrics.value('uvicorn_event_loop_lag_seconds{worker="0"}') > 0.2
            hold.unlink()
            eventually(lambda: metrics.status("/livez") == 200)
            eventually(lambda: metrics.status("/readyz") == 200)


@posix
def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    metrics = Metrics(f"unix:{path}")
    with serve(APP, "--metrics", metrics.address) as server:
        eventually(lambda: metrics.status("/readyz") == 200)
        server.stop(signal.SIGINT)
    assert not path.exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_that_is_taken(workers: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with ServerProcess(APP, "--workers", workers, "--metrics", address, ready=False) as server:
            assert server.wait() == 3
            assert f"ERROR:    --metrics {address}: " in server.stderr


def test_an_application_that_cannot_be_loaded_ends_the_listener() -> None:
    metrics = Metrics()
    with ServerProcess("tests.metrics.app:none", "--metrics", metrics.address, ready=False) as server:
        assert server.wait() == 3


def test_reloading(tmp_path: Path) -> None:
    metrics = Metrics()
    (tmp_path / "reloaded.py").write_text("from tests.metrics.app import app\n")
    arguments = ("reloaded:app", "--reload", "--metrics", metrics.address, "--access-log-format", "json")
    with serve(*arguments, cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}) as server:
        eventually(lambda: metrics.status("/readyz") == 200)
        exchange((server.host, server.port), GET % b"/parts")
        server.wait_stdout('"path": "/parts"')
        metrics.wait("uvicorn_response_body_bytes_total", 6)


# --- Prometheus -------------------------------------------------------------------------------------------------------

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")


@pytest.mark.once
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_finds_no_fault() -> None:
    metrics = Metrics()
    with serve(APP, "--workers", "2", "--metrics", metrics.address):
        metrics.wait('uvicorn_workers{state="serving"}', 2)
        text = metrics.get("/metrics")[1]
    assert PROMTOOL is not None
    answer = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, env=foreign_environ()
    )
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


@pytest.mark.once
@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
def test_prometheus_scrapes(tmp_path: Path) -> None:
    assert PROMETHEUS is not None
    metrics = Metrics()
    port = free_port()
    configuration = tmp_path / "prometheus.yml"
    scraped = {"job_name": "app", "scrape_interval": "100ms", "static_configs": [{"targets": [metrics.address]}]}
    # JSON is YAML.
    configuration.write_text(json.dumps({"scrape_configs": [{**scraped, "scrape_timeout": "100ms"}]}))
    command = [
        PROMETHEUS,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def query(expression: str) -> list[Any]:
        url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(expression)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return [float(result["value"][1]) for result in json.load(answer)["data"]["result"]]

    served = serve(APP, "--workers", "2", "--metrics", metrics.address)
    with served as server, ServerProcess(command=command, ready=False, cwd=tmp_path, env=foreign_environ()):
        eventually(lambda: query("up") == [1.0])
        for _ in range(5):
            exchange((server.host, server.port), GET % b"/parts")
        eventually(lambda: query('uvicorn_requests_total{method="GET",status="2xx"}') == [5.0])
        eventually(lambda: query("histogram_quantile(1, uvicorn_request_duration_seconds_bucket) > 0"))
        dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", "10s")
                query(expression.replace("$job", ".*").replace("$instance", ".*"))
