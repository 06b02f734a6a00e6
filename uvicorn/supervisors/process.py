"""One worker process, from the side of the supervisor.

`Multiprocess` makes a `Process` for each worker. They exchange messages over a pipe; `worker.py` has the other end. A
worker that does not answer is killed, after the stacks of its threads were written to the log.

    state     what the worker does                            next state
    STARTING  imports and starts the application              SERVING, STOPPING, the end of the process
    SERVING   accepts connections and answers messages        STOPPING, the end of the process
    STOPPING  was asked to end                                the end of the process
"""

import enum
import logging
import math
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from socket import socket
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.resident_memory import read_rss
from uvicorn.server import log_process
from uvicorn.supervisors.fair_listeners import Share
from uvicorn.supervisors.spawn import get_forked, get_subprocess, open_pidfd, spawn
from uvicorn.supervisors.worker import DRAIN_TIMEOUT, DUMP_SIGNAL, Message, Worker

if TYPE_CHECKING:
    from uvicorn.metrics.cells import SharedCells

# Seconds to wait for the stacks of a worker, and seconds without output after which a dump counts as complete. Nothing
# else marks the end of a dump. With less time, two dumps could mix.
DUMP_TIMEOUT = 5.0
DUMP_SILENCE = 0.5
# The size of the buffer of a pipe, in bytes.
PIPE_SIZE = 65536
# The first line that `faulthandler` writes for a thread. PyPy writes the id in capitals.
_THREAD = re.compile(rb"^(?:Current thread|Thread) (0x[0-9a-fA-F]+)[^0-9a-fA-F]", re.MULTILINE)
NO_STACKS = "They are not available."
# Seconds that the lifespan shutdown of an application may take after `timeout_graceful_shutdown`.
SHUTDOWN_ALLOWANCE = 30.0
# The part of the timeout between an answer and the next question. The rest of the timeout is for the answer.
INTERVAL_SHARE = 0.1

logger = logging.getLogger("uvicorn.error")


class ProcessState(enum.Enum):
    """The states of a worker; the docstring of the module has a table."""

    STARTING = enum.auto()
    SERVING = enum.auto()
    STOPPING = enum.auto()


class HealthCheck:
    """Decides when to ask a worker whether it is alive, and when it hangs.

    Checks begin when the worker is ready. Before, an import may block Python for a long time.

    Args:
        timeout: the seconds without an answer after which a worker hangs.
    """

    def __init__(self, timeout: float) -> None:
        self._interval = timeout * INTERVAL_SHARE
        self._patience = timeout - self._interval
        self._question_due = math.inf
        self._answer_due = math.inf

    @property
    def due(self) -> float:
        """The time of the next question or of the missing answer, of `time.monotonic`."""
        return min(self._question_due, self._answer_due)

    def asked(self, now: float) -> None:
        self._question_due = math.inf
        self._answer_due = now + self._patience

    def answered(self, now: float) -> None:
        self._question_due = now + self._interval
        self._answer_due = math.inf

    def end(self) -> None:
        self._question_due = self._answer_due = math.inf

    def must_ask(self, now: float) -> bool:
        return now >= self._question_due

    def hangs(self, now: float) -> bool:
        return now >= self._answer_due


class LoopCheck:
    """Decides whether the event loop of a worker is blocked. It is checked with each question of the health check.

    Args:
        timeout: the seconds after which a blocked loop is logged.
        kill_after: the seconds after which its worker is killed; None for never.
    """

    def __init__(self, timeout: float, kill_after: float | None) -> None:
        self._timeout = timeout
        self._kill_after = math.inf if kill_after is None else kill_after
        self._asked_at: float | None = None
        self._is_logged = False

    def asked(self, now: float) -> None:
        if self._asked_at is None:
            self._asked_at = now

    def answered(self) -> None:
        self._asked_at = None
        self._is_logged = False

    def blocked(self, now: float) -> float:
        """The seconds for which the loop has been blocked."""
        return 0.0 if self._asked_at is None else now - self._asked_at

    @property
    def due(self) -> float:
        if self._asked_at is None:
            return math.inf
        return self._asked_at + (self._kill_after if self._is_logged else min(self._timeout, self._kill_after))

    def must_log(self, now: float) -> bool:
        """Whether to log that the loop is blocked. True only once for each time that it is blocked."""
        log = not self._is_logged and self.blocked(now) >= self._timeout
        self._is_logged = self._is_logged or log
        return log

    def must_kill(self, now: float) -> bool:
        return self.blocked(now) >= self._kill_after


class Process:
    """A worker process.

    Args:
        config: what the worker serves.
        sockets: the listening sockets.
        share: the place of the worker on the scoreboard, or None.
        let_go: called in the forked child, to close what it has inherited. None: the process is spawned, not forked.
        number: the number of the worker, from 1 on.
        cells: the memory for the metrics of the worker, or None.
    """

    def __init__(
        self,
        config: Config,
        sockets: list[socket],
        share: Share | None = None,
        let_go: Callable[[], None] | None = None,
        number: int = 1,
        cells: "SharedCells | None" = None,
    ) -> None:
        self.config = config
        self.share = share
        self.state = ProcessState.STARTING
        # Why a replacement has to be started: "requests", "lifetime" or "memory"; None without a reason.
        self.replacement_reason: str | None = None
        self.hangs = False  # It was killed because it hung.
        self.channel, worker_channel = spawn.Pipe(duplex=True)
        self._dump, worker_dump = spawn.Pipe(duplex=False)
        self._worker_ends = (worker_channel, worker_dump)
        self._let_go = let_go
        worker = Worker(config, worker_channel, worker_dump, share, number, cells)
        self.process: BaseProcess
        if let_go is None:
            self.process = get_subprocess(config, worker, sockets)
        else:
            self.process = get_forked(config, worker, sockets, self._become_worker)
        self._pidfd: int | None = None
        self.channel_open = True
        self.health = HealthCheck(config.timeout_worker_healthcheck)
        self.loop_check = LoopCheck(config.timeout_worker_healthcheck, config.timeout_worker_loop)
        self.ready_at: float | None = None
        self._outlived_at = math.inf
        self._end_due = math.inf

    def start(self) -> None:
        """Start the process."""
        self.process.start()
        for end in self._worker_ends:  # Only then does each side notice the end of the other.
            end.close()
        self._pidfd = open_pidfd(self.pid)

    def _become_worker(self) -> None:
        """Called in the forked child."""
        assert self._let_go is not None
        self._let_go()
        self.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None, "not started"
        return self.process.pid

    @property
    def exitcode(self) -> int | None:
        return self.process.exitcode

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable when the process has ended.

        The sentinel of `multiprocessing` is readable only when the children of the worker have ended too.
        """
        return self.process.sentinel if self._pidfd is None else self._pidfd

    @property
    def failed_to_start(self) -> bool:
        """Whether the process has ended because the server could not start."""
        return self.ready_at is None and self.exitcode == STARTUP_FAILURE

    @property
    def served(self) -> float:
        """The seconds since the worker was ready."""
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at

    def is_alive(self, timeout: float = 5.0) -> bool:
        """Ask the process whether it is alive.

        Args:
            timeout: the longest time to wait for the answer, in seconds.
        """
        if not self.process.is_alive():
            return False
        deadline = time.monotonic() + timeout
        if not self._send(Message.PING):
            return False
        while (left := deadline - time.monotonic()) > 0 and self.channel_open:
            if self.channel.poll(left) and Message.PONG in self.receive():
                return True
        return False

    def terminate(self) -> None:
        """Ask the process to shut down."""
        self._stop(self.config.shutdown_delay)
        if self.process.exitcode is not None:
            return
        log_process("Terminated child process [%d]", self.pid)
        if sys.platform == "win32":
            self._send(Message.STOP)
        else:
            os.kill(self.pid, signal.SIGTERM)

    def skip_delay(self) -> None:
        """Ask the process to end the delay of its shutdown."""
        self._stop(0.0)
        self._send(Message.SKIP)

    def retire(self) -> None:
        """Ask the process to stop accepting, and to shut down when its connections have ended."""
        self._stop(DRAIN_TIMEOUT)
        log_process("Terminated child process [%d]", self.pid)
        self._send(Message.RETIRE)

    def _stop(self, delay: float) -> None:
        self.state = ProcessState.STOPPING
        graceful = self.config.timeout_graceful_shutdown
        if graceful is not None:
            self._end_due = time.monotonic() + delay + graceful + SHUTDOWN_ALLOWANCE

    def interrupt(self) -> None:
        """Ask the process to end without waiting for connections."""
        self._stop(0.0)
        if self.process.exitcode is None:
            # A message, not a second signal: of two pending signals, the one with the lower number is handled first.
            self._send(Message.FORCE)

    def reopen_logs(self) -> None:
        """Ask the process to reopen its log files."""
        # A message, not SIGUSR1: that signal kills a process which has not installed its handler yet.
        self._send(Message.REOPEN)

    def write_stacks(self) -> None:
        """Ask the worker to write the stacks of its threads."""
        # A message, not SIGUSR2, for the same reason.
        self._send(Message.STACKS)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()

    def join(self) -> None:
        """Wait for the process to end."""
        log_process("Waiting for child process [%d]", self.pid)
        self.process.join()

    def close(self) -> None:
        """Close the pipes and the other descriptors of the process."""
        self.channel_open = False
        self.channel.close()
        self._dump.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _send(self, message: Message) -> bool:
        try:
            self.channel.send_bytes(message)
        except OSError:
            return False
        return True

    def receive(self) -> list[Message]:
        """Handle the messages of the worker, without waiting. Returns them."""
        messages = list(self._received())
        for message in messages:
            if message is Message.READY:
                self.ready_at = time.monotonic()
                self.health.answered(self.ready_at)
                self._outlived_at = self.ready_at + self._lifetime()
                if self.state is ProcessState.STARTING:
                    self.state = ProcessState.SERVING
            elif message is Message.LIMIT:
                self._replace_because("requests", "has reached --limit-max-requests")
            elif message is Message.TURN:
                self.loop_check.answered()
            else:  # PONG
                self.health.answered(time.monotonic())
        return messages

    def _received(self) -> Iterator[Message]:
        try:
            while self.channel.poll():
                yield Message(self.channel.recv_bytes())
        except (EOFError, OSError):
            self.channel_open = False
            self.health.end()

    @property
    def due(self) -> float:
        """The time (`time.monotonic`) at which `check` has something to do."""
        due = min(self.health.due, self._end_due)
        if self.state is ProcessState.SERVING:
            due = min(due, self.loop_check.due)
            if self.replacement_reason is None:
                due = min(due, self._outlived_at)
        return due

    def check(self, now: float) -> None:
        """Do what is due: ask the worker, log, kill it, or request a replacement."""
        if self.health.hangs(now):
            self.kill_hanging("does not answer")
        elif now >= self._end_due:
            self.kill_hanging("has not ended in time")
        elif self.health.must_ask(now):
            if self._send(Message.PING):
                self.health.asked(now)
                self.loop_check.asked(now)
                self._check_rss()
            else:
                self.health.end()
        if self.state is ProcessState.SERVING:
            self._check_loop(now)
            if now >= self._outlived_at and self.replacement_reason is None:
                self._replace_because("lifetime", f"has served for {self.served:.0f} s (--worker-max-lifetime)")

    def _check_loop(self, now: float) -> None:
        """Log a blocked event loop, or kill its worker. The health check does not find it: a thread answers that."""
        if self.loop_check.must_kill(now):
            self.loop_check.answered()
            self.kill_hanging(f"has blocked its event loop for {self.config.timeout_worker_loop:g} s")
        elif self.loop_check.must_log(now):
            message = "The event loop of child process [%d] has been blocked for %.1f s. The stacks of its threads:\n%s"
            logger.warning(message, self.pid, self.loop_check.blocked(now), self._dump_stacks() or NO_STACKS)

    def _check_rss(self) -> None:
        limit = self.config.worker_max_rss
        if limit is None or self.replacement_reason is not None or self.state is not ProcessState.SERVING:
            return
        size = read_rss(self.pid)
        if size is not None and size >= limit:
            self._replace_because("memory", f"uses {size >> 20} MiB of memory (--worker-max-rss)")

    def _lifetime(self) -> float:
        lifetime = self.config.worker_max_lifetime
        # The jitter prevents that all workers are replaced at the same time.
        return math.inf if lifetime is None else lifetime + random.uniform(0, self.config.worker_max_lifetime_jitter)

    def _replace_because(self, reason: str, text: str) -> None:
        """Request a replacement.

        Args:
            reason: the reason, as the metrics name it.
            text: the reason, as the log names it.
        """
        logger.info("Child process [%d] %s, replacing it.", self.pid, text)
        self.replacement_reason = self.replacement_reason or reason

    def kill_hanging(self, reason: str) -> None:
        """Kill the process. Log the reason and the stacks of its threads before."""
        self.health.end()
        self.hangs = True
        self._end_due = math.inf
        stacks = self._dump_stacks() or NO_STACKS
        logger.error("Child process [%d] %s, killing it. The stacks of its threads:\n%s", self.pid, reason, stacks)
        self.process.kill()

    def _dump_stacks(self) -> str:
        if DUMP_SIGNAL is None or sys.platform == "win32":
            return ""
        if self._dump.poll():
            os.read(self._dump.fileno(), PIPE_SIZE)  # the rest of an earlier dump
        os.kill(self.pid, DUMP_SIGNAL)
        os.kill(self.pid, signal.SIGCONT)  # A process that was stopped by a signal would write nothing.
        dumps = b""
        deadline = time.monotonic() + DUMP_TIMEOUT
        while (left := deadline - time.monotonic()) > 0 and not _is_complete(dumps):
            # The signal is sent again after silence, not earlier: two threads could handle two signals at the same
            # time, and mix their dumps.
            if not self._dump.poll(min(left, DUMP_SILENCE) if dumps else left):
                os.kill(self.pid, DUMP_SIGNAL)
                continue
            piece = os.read(self._dump.fileno(), PIPE_SIZE)
            if not piece:  # pragma: no cover - it has died in the meantime
                break
            dumps += piece
        return _first_of(dumps).decode(errors="replace")


def _first_of(dumps: bytes) -> bytes:
    """Cut several dumps after the first one. Each dump has every thread once."""
    threads = set()
    for header in _THREAD.finditer(dumps):
        if header[1] in threads:
            return dumps[: header.start()]
        threads.add(header[1])
    return dumps


def _is_complete(dumps: bytes) -> bool:
    return len(_first_of(dumps)) < len(dumps)
