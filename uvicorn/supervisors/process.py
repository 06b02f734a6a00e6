"""One worker as the supervisor sees it.

    state     what the worker does                          next
    STARTING  loads and starts the application              SERVING; STOPPING; its end
    SERVING   accepts connections, and answers questions    STOPPING; its end
    STOPPING  was asked to end                              its end

Both ends of a pipe exchange messages: `worker.py` has the other end. A worker that does not answer is killed, after the
stacks of its threads were written to the log.
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

# Seconds to wait for the stacks of a worker that hangs; and seconds of silence after which a dump is taken to be over.
# Nothing else marks its end, and with a shorter silence two dumps could mix.
DUMP_TIMEOUT = 5.0
DUMP_SILENCE = 0.5
# The size of a pipe's buffer, in bytes.
PIPE_SIZE = 65536
# How `faulthandler` begins the stack of a thread; PyPy writes the id in capitals.
_THREAD = re.compile(rb"^(?:Current thread|Thread) (0x[0-9a-fA-F]+)[^0-9a-fA-F]", re.MULTILINE)
NO_STACKS = "They could not be had."
# Seconds that an application's own shutdown may take after `timeout_graceful_shutdown`.
SHUTDOWN_ALLOWANCE = 30.0
# The share of the timeout between an answer and the next question; the rest is for the answer.
INTERVAL_SHARE = 0.1

logger = logging.getLogger("uvicorn.error")


class ProcessState(enum.Enum):
    STARTING = enum.auto()
    SERVING = enum.auto()
    STOPPING = enum.auto()


class HealthCheck:
    """When a worker is asked for a sign of life, and when it counts as hanging: after `timeout` seconds.

    The first answer is that the worker is ready: while it starts, an import may hold the GIL.
    """

    def __init__(self, timeout: float) -> None:
        self._interval = timeout * INTERVAL_SHARE
        self._patience = timeout - self._interval
        self._question_due = math.inf
        self._answer_due = math.inf

    @property
    def due(self) -> float:
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
    """Whether the event loop of a worker is blocked. It is asked with each question of the health check."""

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
        """For how many seconds the loop has been blocked."""
        return 0.0 if self._asked_at is None else now - self._asked_at

    @property
    def due(self) -> float:
        if self._asked_at is None:
            return math.inf
        return self._asked_at + (self._kill_after if self._is_logged else min(self._timeout, self._kill_after))

    def must_log(self, now: float) -> bool:
        """Whether to log that the loop is blocked; True once."""
        log = not self._is_logged and self.blocked(now) >= self._timeout
        self._is_logged = self._is_logged or log
        return log

    def must_kill(self, now: float) -> bool:
        return self.blocked(now) >= self._kill_after


class Process:
    """A worker process.

    Args:
        config: what it serves.
        sockets: what it listens on.
        share: its place on the scoreboard.
        let_go: closes what a forked child inherits; without it, it is spawned.
        number: of the worker, from 1 on.
        cells: of its metrics, if there are any.
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
        self.limit_reached = False  # It waits for a replacement.
        self.hangs = False  # It was killed for that.
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
        for end in self._worker_ends:  # Only the worker's being open, either side notices the other's end.
            end.close()
        self._pidfd = open_pidfd(self.pid)

    def _become_worker(self) -> None:
        """In the forked child."""
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
        """What becomes readable when the process ends; `multiprocessing`'s waits for its children, too."""
        return self.process.sentinel if self._pidfd is None else self._pidfd

    @property
    def failed_to_start(self) -> bool:
        """Whether it has ended because it could not serve."""
        return self.ready_at is None and self.exitcode == STARTUP_FAILURE

    @property
    def served(self) -> float:
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at

    def is_alive(self, timeout: float = 5.0) -> bool:
        """Ask the process for a sign of life.

        Args:
            timeout: how long it may take to answer, in seconds.
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
        """End the delay of the process's shutdown."""
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
        """Ask the process to end without waiting for anything."""
        self._stop(0.0)
        if self.process.exitcode is None:
            # Not by a second signal: if two come at once, the worker takes the one with the lower number first.
            self._send(Message.FORCE)

    def reopen_logs(self) -> None:
        """Ask the process to reopen its log files."""
        # Not by SIGUSR1: a process that does not handle it yet would be killed.
        self._send(Message.REOPEN)

    def write_stacks(self) -> None:
        """Ask the worker to write the stacks of its threads."""
        # Not by SIGUSR2, for the same reason.
        self._send(Message.STACKS)

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()

    def join(self) -> None:
        """Wait for the process to end."""
        log_process("Waiting for child process [%d]", self.pid)
        self.process.join()

    def close(self) -> None:
        """Close our ends of the pipes, and what else belongs to the process."""
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
        """Take what the worker has sent, without waiting."""
        messages = list(self._received())
        for message in messages:
            if message is Message.READY:
                self.ready_at = time.monotonic()
                self.health.answered(self.ready_at)
                self._outlived_at = self.ready_at + self._lifetime()
                if self.state is ProcessState.STARTING:
                    self.state = ProcessState.SERVING
            elif message is Message.LIMIT:
                self.limit_reached = True
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
            if not self.limit_reached:
                due = min(due, self._outlived_at)
        return due

    def check(self, now: float) -> None:
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
            if now >= self._outlived_at and not self.limit_reached:
                self._replace_because(f"has served for {self.served:.0f} s")

    def _check_loop(self, now: float) -> None:
        """Log a blocked event loop, or kill its worker. A thread answers health checks, even then."""
        if self.loop_check.must_kill(now):
            self.loop_check.answered()
            self.kill_hanging(f"has blocked its event loop for {self.config.timeout_worker_loop:g} s")
        elif self.loop_check.must_log(now):
            message = "The event loop of child process [%d] has been blocked for %.1f s. The stacks of its threads:\n%s"
            logger.warning(message, self.pid, self.loop_check.blocked(now), self._dump_stacks() or NO_STACKS)

    def _check_rss(self) -> None:
        limit = self.config.worker_max_rss
        if limit is None or self.limit_reached or self.state is not ProcessState.SERVING:
            return
        size = read_rss(self.pid)
        if size is not None and size >= limit:
            self._replace_because(f"uses {size >> 20} MiB of memory")

    def _lifetime(self) -> float:
        lifetime = self.config.worker_max_lifetime
        # The jitter keeps workers from being replaced together.
        return math.inf if lifetime is None else lifetime + random.uniform(0, self.config.worker_max_lifetime_jitter)

    def _replace_because(self, reason: str) -> None:
        logger.info("Child process [%d] %s, replacing it.", self.pid, reason)
        self.limit_reached = True

    def kill_hanging(self, reason: str) -> None:
        """Kill the process, and log what it has failed to do, and its stacks."""
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
            os.read(self._dump.fileno(), PIPE_SIZE)  # stacks that someone else has asked for
        os.kill(self.pid, DUMP_SIGNAL)
        os.kill(self.pid, signal.SIGCONT)  # A stopped process writes nothing.
        dumps = b""
        deadline = time.monotonic() + DUMP_TIMEOUT
        while (left := deadline - time.monotonic()) > 0 and not _is_complete(dumps):
            # Ask again only if it has not begun: two threads that take a signal at once would both write.
            if not self._dump.poll(min(left, DUMP_SILENCE) if dumps else left):
                os.kill(self.pid, DUMP_SIGNAL)
                continue
            piece = os.read(self._dump.fileno(), PIPE_SIZE)
            if not piece:  # pragma: no cover - it died while it was asked
                break
            dumps += piece
        return _first_of(dumps).decode(errors="replace")


def _first_of(dumps: bytes) -> bytes:
    """The first of several dumps, each of which has every thread once."""
    threads = set()
    for header in _THREAD.finditer(dumps):
        if header[1] in threads:
            return dumps[: header.start()]
        threads.add(header[1])
    return dumps


def _is_complete(dumps: bytes) -> bool:
    return len(_first_of(dumps)) < len(dumps)
