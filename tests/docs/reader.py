"""A reader who types the commands of a page, in order, in a folder with an application."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import yaml

from tests.docs.blocks import Block
from tests.processes import PATIENCE, READY, ROOT, ServerProcess, free_port

PORT = re.compile(r"\b(80\d\d|8443|9000)\b")
ENDS_ITSELF = {"--version", "--help", "--check-config", "--print-config"}


class Reader:
    """Runs the blocks of one page. The ports in the page are replaced by free ports.

    A server that a block starts runs until a block runs a program other than curl.
    """

    def __init__(self, folder: Path) -> None:
        shutil.copy(ROOT / "examples" / "hello.py", folder / "main.py")
        self.server: ServerProcess | None = None
        self._folder = folder
        self._ports = defaultdict[str, str](lambda: str(free_port()))
        self._not_run: set[str] = set()
        self._env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",  # the environment of the tests must already have what pip would install
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "UVICORN_PORT": self._ports["8000"],
        }

    def follow(self, block: Block) -> None:
        """Run a block. An assertion fails if the block does not work."""
        text = PORT.sub(lambda match: self._ports[match[0]], block.text)
        file = self._folder / (block.title or f"snippet_{block.line}.py")
        file.write_text(text, encoding="utf-8")
        if block.language == "python":
            self._not_run.add(file.stem)
            if not block.title:
                self._type(["python", "-W", "error", file.name])
        elif block.language in ("shell", "console"):  # in a console, the lines without a prompt are output
            prompt = r"^\$ (.+)" if block.language == "console" else r"^(.+)"
            for line in re.findall(prompt, text.replace("\\\n", " "), re.MULTILINE):
                self._type(shlex.split(line, comments=True))
        elif block.language == "yaml":
            assert list(yaml.safe_load_all(text))
        else:  # output, or a file that a command of the page or another test reads
            assert block.language in {"json", "toml", "ini", "nginx", "text", "dockerfile"}, block

    def close(self) -> None:
        """End the server as Ctrl-C does, and import the modules that no command has run. Both must succeed."""
        if self.server is not None:
            assert self.server.stop(signal.SIGINT) == 0, self.server.stderr
            self.server = None
        while self._not_run:
            self._run("python", "-c", f"import {self._not_run.pop()}")

    def _type(self, words: list[str]) -> None:
        program = next(word for word in words if "=" not in word)
        last = self._folder / words[-1]
        source = last.read_text(encoding="utf-8") if last.suffix == ".py" and last.exists() else ""
        self._not_run -= {re.split(r":|\.py$", word)[0] for word in words}
        if program == "curl":
            self._run(*words, "--fail", "--max-time", "10")
            return
        self.close()
        if program == "make":
            self._run("make", "--dry-run", *words[1:], folder=ROOT)
        elif program == "python" and (ROOT / words[1]).is_file():  # these would take minutes
            described = self._run(*words, "--help", folder=ROOT)
            assert all(word in described for word in words if word.startswith("--")), words
        elif (program == "uvicorn" and ENDS_ITSELF.isdisjoint(words)) or "uvicorn.run(" in source:
            self.server = ServerProcess(command=["env", *words], env=self._env, cwd=self._folder, ready=False)
            self.server.__enter__()
            self.server.wait_stderr(READY.pattern)
        else:
            self._run(*words)

    def _run(self, *command: str, folder: Path | None = None) -> str:
        env, where = {**os.environ, **self._env}, folder or self._folder
        run = subprocess.run(["env", *command], env=env, cwd=where, capture_output=True, text=True, timeout=PATIENCE)
        assert run.returncode == 0, f"{command}: {run.stdout}{run.stderr}"
        return run.stdout
