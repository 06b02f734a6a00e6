"""A reader who types what a page says, in its order, in a folder with an application."""

import configparser
import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from tests.docs.blocks import Block
from tests.processes import PATIENCE, READY, ROOT, ServerProcess, free_port

if sys.version_info >= (3, 11):
    import tomllib

_PORT = re.compile(r"\b(80\d\d|8443|9000)\b")
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_VARIABLE = re.compile(r"^(?P<name>[A-Z_]+)=(?P<value>.*)$")
_DECLARED = re.compile(r'"([A-Za-z0-9_.-]+)[\[<>=;~!]?')


class Reader:
    """Runs the blocks of one page.

    A server that a block starts goes on until the next one is started, so that the commands between can talk to it.
    Ports of the page (80xx, 8443 and 9000) are exchanged for free ones.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "examples" / "hello.py", folder / "main.py")
        self.server: ServerProcess | None = None
        self._ends_itself = False
        self._ports: dict[str, int] = {}
        self._languages: dict[str, Callable[[Block], None]] = {
            "shell": self._shell,
            "console": self._console,
            "python": self._python,
            "json": lambda block: json.loads(block.text),
            "yaml": lambda block: list(yaml.safe_load_all(block.text)),
            "toml": self._toml,
            "ini": self._ini,
            "nginx": self._nginx,
            "dockerfile": lambda block: None,
            "text": lambda block: None,
        }
        self._programs: dict[str, Callable[[list[str], dict[str, str]], None]] = {
            "uvicorn": lambda words, env: self._start([sys.executable, "-m", *words], env),
            "python": self._python_program,
            "curl": self._curl,
            "pip": self._pip,
            "make": self._make,
            "cd": self._change_folder,
        }

    def follow(self, block: Block) -> None:
        """Do what a block says; an assertion fails where that does not work."""
        if block.not_run:
            return
        assert block.language in self._languages, f"{block}: nothing checks blocks of {block.language!r}"
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._with_free_ports(block.text), encoding="utf-8")
            if block.language == "python":
                compile(block.text, str(block), "exec")
                return
        self._languages[block.language](block)

    def close(self) -> None:
        """End the server as Ctrl-C does; it has to take that well. A program that stops its own is waited for."""
        if self.server is not None:
            code = self.server.wait() if self._ends_itself else self.server.stop(signal.SIGINT)
            assert code == 0, f"{self.server.command} ended with {code}:\n{self.server.stderr}"
            self.server = None

    def abandon(self) -> None:
        if self.server is not None:
            self.server.kill()

    def _with_free_ports(self, text: str) -> str:
        return _PORT.sub(lambda match: str(self._ports.setdefault(match[0], free_port())), text)

    def _env(self) -> dict[str, str]:
        default = self._ports.setdefault("8000", free_port())
        return {"PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}", "UVICORN_PORT": str(default)}

    def _console(self, block: Block) -> None:
        """Commands behind a prompt; the other lines are what they print."""
        lines = block.text.replace("\\\n", " ").splitlines()
        commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert commands, f"{block} has no line that begins with a prompt"
        self._shell(dataclasses.replace(block, text="\n".join(commands)))

    def _shell(self, block: Block) -> None:
        text = _COMMENT.sub("", self._with_free_ports(block.text)).replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            words = shlex.split(line)
            env = {}
            while words and (variable := _VARIABLE.match(words[0])):
                env[variable["name"]] = variable["value"]
                del words[0]
            assert words, f"{block}: only variables in {line!r}"
            assert words[0] in self._programs, f"{block}: nothing runs {words[0]!r}"
            self._programs[words[0]](words, env)

    def _start(self, command: list[str], env: dict[str, str]) -> None:
        """Run a program until it serves; one that only prints something, until it ends."""
        if not {"--version", "--help", "--check-config", "--print-config"}.isdisjoint(command):
            self._run(command, env)
            return
        self.close()
        program = self.folder / command[-1]
        self._ends_itself = program.is_file() and "should_exit" in program.read_text(encoding="utf-8")
        self.server = ServerProcess(command=command, env={**self._env(), **env}, cwd=self.folder, ready=False)
        self.server.__enter__()
        self.server.wait_stderr(READY.pattern)

    def _python_program(self, words: list[str], env: dict[str, str]) -> None:
        if words[1] == "-m" and words[2] == "uvicorn":
            self._start([sys.executable, *words[1:]], env)
        elif words[1] == "-m":
            self._run([sys.executable, *words[1:]], env)
        elif words[1].startswith("benchmarks/"):
            help_text = self._run([sys.executable, str(ROOT / words[1]), "--help"], env)
            for option in (word for word in words[2:] if word.startswith("--")):
                assert option in help_text, f"{words[1]} has no {option}"
        elif words[1] == "setup.py":
            self._run([sys.executable, *words[1:], "--help"], env, folder=ROOT)
        else:
            self._start([sys.executable, *words[1:]], env)

    def _run(self, command: list[str], env: dict[str, str], folder: Path | None = None) -> str:
        answer = subprocess.run(
            command,
            env={**os.environ, **self._env(), **env},
            cwd=folder or self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        assert answer.returncode == 0, f"{command}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def _curl(self, words: list[str], env: dict[str, str]) -> None:
        assert self.server is not None, "nothing is being served"
        self._run([words[0], "--silent", "--show-error", "--max-time", "10", *words[1:]], env)

    def _pip(self, words: list[str], env: dict[str, str]) -> None:
        """The package index is not asked: the requirements have to be ones that the project declares."""
        declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        names = {name.lower() for name in _DECLARED.findall(declared)}
        assert words[1] == "install", words
        for word in (word for word in words[2:] if not word.startswith("-") and not word.startswith(".")):
            requirement = Requirement(word)
            assert requirement.name.lower() in names, f"{requirement.name} is not in pyproject.toml"
            if requirement.name == "uvicorn":
                assert requirement.extras <= {"standard"}, requirement

    def _make(self, words: list[str], env: dict[str, str]) -> None:
        self._run([words[0], "--dry-run", *words[1:]], env, folder=ROOT)

    def _change_folder(self, words: list[str], env: dict[str, str]) -> None:
        self.folder = self.folder / words[1]
        assert self.folder.is_dir() or (ROOT / words[1]).is_dir(), words

    def _python(self, block: Block) -> None:
        """A snippet runs as a program of its own; one that serves is stopped."""
        path = self.folder / f"snippet_{block.line}.py"
        text = self._with_free_ports(block.text)
        if "uvicorn." in text and "import" not in text:
            text = f"import uvicorn\n\n{text}"
        path.write_text(text, encoding="utf-8")
        if "uvicorn.run(" in block.text:
            self._start([sys.executable, str(path)], {})
        else:
            self._run([sys.executable, "-W", "error", str(path)], {})

    def _toml(self, block: Block) -> None:
        if sys.version_info >= (3, 11):
            tomllib.loads(block.text)

    def _ini(self, block: Block) -> None:
        """systemd units and logging configurations; a unit may name an option more than once."""
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        parser.read_string(block.text)
        assert parser.sections(), f"{block} has no section"

    def _nginx(self, block: Block) -> None:
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        if not Path(nginx).exists():
            return
        # Files of the reader's machine are not on this one.
        text = re.sub(r"^\s*(ssl_certificate(_key)?) [^;]+;", "", self._with_free_ports(block.text), flags=re.MULTILINE)
        text = text.replace(" ssl;", ";")
        path = self.folder / f"nginx_{block.line}.conf"
        path.write_text(
            f"pid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n",
            encoding="utf-8",
        )
        self._run([nginx, "-t", "-q", "-p", str(self.folder), "-c", str(path)], {})
