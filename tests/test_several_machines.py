"""Several servers behind HAProxy, restarted one after the other under load, and the cluster files in examples/."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.docs.blocks import blocks
from tests.processes import PATIENCE, ROOT, ServerProcess, foreign_environ, free_port, run_program
from tests.waiting import eventually
from uvicorn.main import main

HAPROXY = shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
SERVERS = ("one", "two", "three")
# The shutdown delay in seconds. HAProxy notices a change within half of this time.
SHUTDOWN_DELAY = 1.0


class Ports:
    """The servers and HAProxy on ports of this machine."""

    def __init__(self) -> None:
        self._port = free_port()
        self._ports = {name: (free_port(), free_port()) for name in SERVERS}
        self.url = f"http://127.0.0.1:{self._port}/"

    def adapt(self, configuration: str) -> str:
        """Change the example's configuration to these ports."""
        changes = {"bind :80": f"bind 127.0.0.1:{self._port}", "check port 9000 ": "check "}
        for number, (name, (port, metrics_port)) in enumerate(self._ports.items(), 11):
            changes[f"server {name} 10.0.0.{number}:8000"] = f"server {name} 127.0.0.1:{port} port {metrics_port}"
        return replace_each(configuration, changes)

    def on(self, machine: str) -> list[str]:
        """Return the words before a command that runs on a machine."""
        return []

    def options(self, name: str) -> list[str]:
        """Return the options with the addresses on which a server listens."""
        port, metrics_port = self._ports[name]
        return ["--port", str(port), "--metrics", f"127.0.0.1:{metrics_port}"]

    def close(self) -> None:
        """There is nothing to remove."""


class Namespaces:
    """A network namespace for each machine, with the addresses of the example.

    Raises:
        OSError, subprocess.CalledProcessError: the namespaces cannot be made here.
    """

    url = "http://10.0.0.1/"
    _script = ROOT / "examples" / "haproxy" / "machines.sh"

    def __init__(self) -> None:
        self._prefix = f"test-{os.getpid()}-"
        try:
            self._run("up")
        except subprocess.CalledProcessError:
            self.close()
            raise

    def _run(self, action: str) -> None:
        command = ["sh", str(self._script), action, self._prefix]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE, env=foreign_environ())

    def adapt(self, configuration: str) -> str:
        return configuration

    def on(self, machine: str) -> list[str]:
        return ["ip", "netns", "exec", f"{self._prefix}{machine}"]

    def options(self, name: str) -> list[str]:
        return ["--host", "0.0.0.0", "--forwarded-allow-ips", "10.0.0.1", "--metrics", "0.0.0.0:9000"]

    def close(self) -> None:
        self._run("down")


def replace_each(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


class Cluster:
    """Three servers, and HAProxy with the example's configuration in front of them."""

    def __init__(self, directory: Path, machines: Ports | Namespaces) -> None:
        self.machines = machines
        self._stats = directory / "haproxy.sock"
        self._configuration = directory / "haproxy.cfg"
        text = (ROOT / "examples" / "haproxy" / "haproxy.cfg").read_text()
        changes = {"/run/haproxy.sock": str(self._stats), "inter 1s fall 2": "inter 100ms fall 2"}
        self._configuration.write_text(replace_each(machines.adapt(text), changes))
        self.servers: dict[str, ServerProcess] = {}
        self._haproxy = contextlib.ExitStack()

    def start(self) -> None:
        for name in SERVERS:
            self.start_server(name)
        command = [*self.machines.on("balancer"), str(HAPROXY), "-db", "-f", str(self._configuration)]
        self._haproxy.enter_context(run_program(command))
        for name in SERVERS:
            eventually(lambda name=name: self.state_of(name) == "UP")

    def start_server(self, name: str) -> None:
        options = [*self.machines.options(name), "--no-access-log", "--shutdown-delay", str(SHUTDOWN_DELAY)]
        command = [*self.machines.on(name), sys.executable, "-m", "uvicorn"]
        self.servers[name] = ServerProcess("examples.hello:app", *options, command=command).__enter__()

    def state_of(self, name: str) -> str:
        """Return the state of a server in HAProxy: UP, DOWN, or a transition between them."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(self._stats))
            client.sendall(b"show stat\n")
            table = b""
            while piece := client.recv(65536):
                table += piece
        return next(line.split(",")[17] for line in table.decode().split("\n") if f",{name}," in line)

    def restart_all(self) -> None:
        """Restart each server after the previous one serves again."""
        for name in SERVERS:
            assert self.servers[name].stop(signal.SIGTERM) == -signal.SIGTERM
            self.start_server(name)
            eventually(lambda name=name: self.state_of(name) == "UP")

    def stop(self) -> None:
        self._haproxy.close()
        for server in self.servers.values():
            server.kill()
        self.machines.close()


def machines_here() -> Ports | Namespaces:
    """Return namespaces if this process can make them (root on Linux with `ip`), else ports."""
    try:
        return Namespaces()
    except (OSError, subprocess.CalledProcessError):
        return Ports()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if HAPROXY is None:
        pytest.skip("HAProxy is not installed")
    cluster = Cluster(tmp_path, machines_here())
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def is_run(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize("program", ["wrk", "h2load"])
def test_no_request_fails_while_all_servers_are_restarted(cluster: Cluster, program: str) -> None:
    is_run(program)
    machines = cluster.machines
    failures: list[BaseException] = []

    def restart() -> None:
        try:
            cluster.restart_all()
        except BaseException as exc:
            failures.append(exc)

    before = {name: server.pid for name, server in cluster.servers.items()}
    restarting = threading.Thread(target=restart)
    restarting.start()
    rounds = 0
    try:
        while restarting.is_alive():
            if program == "wrk":
                answer = run([*machines.on("balancer"), "wrk", "-t1", "-c16", "-d1s", machines.url])
                assert "Socket errors" not in answer, answer
                assert "Non-2xx" not in answer, answer
                assert int(re.search(r"(\d+) requests in", answer)[1]) > 0  # type: ignore[index]  # a failure shows it
            else:
                answer = run([*machines.on("balancer"), "h2load", "-n", "2000", "-c", "8", "-m", "4", machines.url])
                assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in answer, answer
                assert "status codes: 2000 2xx" in answer, answer
            rounds += 1
    finally:  # If the thread were still running, it would start a server after the others have been stopped.
        restarting.join()
    assert not failures, failures
    assert rounds > 1
    assert all(server.pid != before[name] for name, server in cluster.servers.items())


def run(command: list[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE, env=foreign_environ())
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


# --- examples/ --------------------------------------------------------------------------------------------------------


def resources() -> dict[str, Any]:
    text = (ROOT / "examples" / "kubernetes" / "app.yaml").read_text(encoding="utf-8")
    return {resource["kind"]: resource for resource in yaml.safe_load_all(text)}


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Parse the options of an example. A wrong option is an error."""
    context = main.make_context("uvicorn", ["main:app", *arguments])
    assert isinstance(context, click.Context)
    return context.params


def test_the_options_of_the_deployment() -> None:
    pod = resources()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = parsed(container["args"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert options["port"] == ports["http"]
    assert options["metrics"] == f"0.0.0.0:{ports['metrics']}"
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"metrics"}
    # The readiness probe fails before the delay ends, and the shutdown ends before the pod is killed.
    readiness = container["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < options["shutdown_delay"]
    assert options["shutdown_delay"] + options["timeout_graceful_shutdown"] < pod["terminationGracePeriodSeconds"]


def test_the_resources_refer_to_each_other() -> None:
    found = resources()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    scaled = found["HorizontalPodAutoscaler"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    assert scaled["minReplicas"] > found["PodDisruptionBudget"]["spec"]["minAvailable"]


@pytest.mark.parametrize(
    ("title", "path"), [("Dockerfile", "container/Dockerfile"), ("app.yaml", "kubernetes/app.yaml")]
)
def test_the_page_shows_the_example(title: str, path: str) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / "containers.md") if block.title == title)
    assert block.text == (ROOT / "examples" / path).read_text(encoding="utf-8")


def test_the_resources_are_valid() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for resource in resources().values():
        validate.validate(resource, validate.latest_version(), strict=True)


def dockerfile(instruction: str) -> list[Any]:
    text = (ROOT / "examples" / "container" / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)


def test_the_options_of_the_image() -> None:
    (command,) = (yaml.safe_load(words) for words in dockerfile("CMD"))
    options = parsed(command)
    assert dockerfile("EXPOSE") == [f"{options['port']} {options['metrics'].rpartition(':')[2]}"]
    (user,) = dockerfile("USER")
    assert user.split(":")[0] != "0"


def test_hadolint_finds_no_fault() -> None:
    hadolint = shutil.which("hadolint", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    run([hadolint, str(ROOT / "examples" / "container" / "Dockerfile")])
