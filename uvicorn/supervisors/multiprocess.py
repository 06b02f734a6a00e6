"""The supervisor of worker processes (`--workers`).

`uvicorn.run` makes a `Multiprocess` and calls its `run`; other programs do so too. The supervisor starts workers. It
replaces workers that die, hang or reach a limit. At SIGHUP it restarts all of them, one after the other. It has no
thread and no event loop: each pass of `run` waits for a signal, for a message or the end of a worker, or for the next
time at which something is due.

Each worker has a `Slot`. The state of its process is in `uvicorn.supervisors.process`. The supervisor has these states:

    state       what happens                                                    next state
    running     missing workers are started                                     restarting, stopping
    restarting  `_requests` has the slots that need a new worker;               running, stopping
                `_replacement` has the new worker that is starting
    stopping    the workers end, and none is started                            `run` returns
"""

import contextlib
import logging
import math
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from multiprocessing.connection import wait
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Any

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.config.config import exit_with_startup_failure
from uvicorn.logging import reopen_logs
from uvicorn.process_manager import ProcessManager
from uvicorn.resident_memory import read_rss
from uvicorn.server import log_process, write_stacks
from uvicorn.supervisors.fair_listeners import Scoreboard, open_scoreboard
from uvicorn.supervisors.process import Process, ProcessState
from uvicorn.supervisors.spawn import PipeEnd, can_fork, preload, spawn

if TYPE_CHECKING:
    from uvicorn.metrics.supervisor_metrics import SupervisorMetrics

__all__ = ["SIGNALS", "Multiprocess", "Process"]

# Seconds between checks of a worker that has closed its pipe, but has not ended yet.
ENDING_INTERVAL = 0.05
# A worker that dies after less than this many seconds of serving has died early.
STABLE_AFTER = 2.0
# After the second early death in a row, the next start waits this many seconds. Each later pause is twice as long.
PAUSE_MIN = 0.5
PAUSE_MAX = 30.0
# Seconds that the replacement of a worker has to start, while the old worker still serves.
REPLACEMENT_TIMEOUT = 60.0

# The signals that the supervisor handles, if the platform has them.
SIGNALS: dict[int, str] = {
    getattr(signal, f"SIG{name}"): name
    for name in ("INT", "TERM", "BREAK", "HUP", "TTIN", "TTOU", "USR1", "USR2")
    if hasattr(signal, f"SIG{name}")
}

logger = logging.getLogger("uvicorn.error")


class SignalQueue:
    """Collects signals. A pipe wakes the supervisor when there is one.

    Attributes:
        reader: the end of the pipe that is readable while there are signals; set by `open`.
    """

    def __init__(self) -> None:
        self._signals: deque[int] = deque()
        self._writer: PipeEnd | None = None
        self._former: dict[int, Any] = {}

    def open(self) -> None:
        """Open the pipe."""
        self.reader, self._writer = spawn.Pipe(duplex=False)
        if self._signals:
            self.wake()

    def put(self, sig: int) -> None:
        """Add a signal. May be called from a signal handler and from any thread."""
        self._signals.append(sig)
        if len(self._signals) == 1:  # Otherwise the pipe is readable already. It must not become full.
            self.wake()

    def wake(self) -> None:
        """Make the reader readable. May be called from a signal handler and from any thread."""
        if self._writer is not None:
            self._writer.send_bytes(b"!")

    def take_all(self) -> list[int]:
        """Remove and return all signals, oldest first."""
        while self.reader.poll():
            self.reader.recv_bytes()
        taken = []
        while self._signals:
            taken.append(self._signals.popleft())
        return taken

    @contextlib.contextmanager
    def capture(self, signals: Iterable[int]) -> Generator[None, None, None]:
        """Collect these signals in this block. In other threads than the main thread, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._former = {sig: signal.signal(sig, self._handle) for sig in signals}
        try:
            yield
        finally:
            self._restore()

    def _restore(self) -> None:
        for sig, handler in self._former.items():
            signal.signal(sig, signal.SIG_DFL if handler is None else handler)

    @contextlib.contextmanager
    def held_back(self) -> Generator[None, None, None]:
        """Block the signals in this block, in which a child is forked.

        A new child would otherwise handle signals as the supervisor does, until it has called `let_go`.
        """
        if sys.platform == "win32":
            yield
            return
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._former)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def let_go(self) -> None:
        """Called in a child that was forked in `held_back`: restore the handlers, and unblock the signals."""
        self._restore()
        self.close()
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _handle(self, sig: int, frame: FrameType | None) -> None:
        self.put(sig)

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            self.reader.close()


class ExitEvent(threading.Event):
    """An event that wakes the supervisor when it is set."""

    def __init__(self, signals: SignalQueue) -> None:
        super().__init__()
        self._signals = signals

    def set(self) -> None:
        if not self.is_set():
            super().set()
            self._signals.wake()


class Slot:
    """The place of one worker.

    Attributes:
        process: the worker, or None.
        start_at: the time at which the next worker may start, of `time.monotonic`.
    """

    def __init__(self, process: Process | None = None) -> None:
        self.process = process
        self.start_at = 0.0
        self._early_deaths = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the slot needs a new worker."""
        return self.process is None or self.process.replacement_reason is not None

    @property
    def is_serving(self) -> bool:
        """Whether the worker accepts connections."""
        return self.process is not None and self.process.state is ProcessState.SERVING

    def start_later(self, served: float) -> float:
        """Set `start_at` after the end of a worker.

        Args:
            served: the seconds that the worker has served.

        Returns:
            The seconds until the next start. They increase if workers die early again and again.
        """
        pause = 0.0
        if served >= STABLE_AFTER:
            self._early_deaths = 0
        else:
            self._early_deaths += 1
            if self._early_deaths > 1:
                pause = min(PAUSE_MIN * 2.0 ** (self._early_deaths - 2), PAUSE_MAX)
        self.start_at = time.monotonic() + pause
        return pause


class Replacement:
    """A worker that starts while the old worker of its slot still serves."""

    def __init__(self, slot: Slot, process: Process) -> None:
        self.slot = slot
        self.process = process
        self.deadline = time.monotonic() + REPLACEMENT_TIMEOUT


def _describe_end(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    with contextlib.suppress(ValueError):  # real-time signals have no name
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"killed by signal {-exitcode}"


class Multiprocess:
    """Runs `config.workers` workers.

    Args:
        config: what the workers serve. Its application must be an import string.
        sockets: the listening sockets. They stay open in the supervisor, so no connection is refused during a restart.

    Attributes:
        should_exit: an event; setting it, from any thread, stops the workers. It may also be replaced by True.
        manager: reports the state of this process to systemd or another process manager.
    """

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        self.config = config
        self.sockets = sockets
        self.processes_num = config.workers
        self.signals = SignalQueue()
        self.should_exit: threading.Event | bool = ExitEvent(self.signals)
        self.manager = ProcessManager()
        self._ready = False
        self._scoreboard: Scoreboard | None = None
        self._metrics: SupervisorMetrics | None = None
        self._slots: list[Slot] = []
        self._living: list[Process] = []
        self._requests: deque[Slot] = deque()  # slots whose workers are replaced, one after the other
        self._replacement: Replacement | None = None
        self._restarting = False
        self._stopping = False
        self._delayed_until = 0.0
        self._failed = False

    @property
    def processes(self) -> list[Process]:
        """The workers that serve or start."""
        return [slot.process for slot in self._slots if slot.process is not None]

    @processes.setter
    def processes(self, processes: list[Process]) -> None:
        self._slots = [Slot(process) for process in processes]
        self._living = list(processes)

    def run(self) -> None:
        """Run the workers until a signal stops them.

        Raises:
            SystemExit: a worker could not start; the reason was logged.
        """
        if self.config.worker_max_rss is not None and read_rss(os.getpid()) is None:
            exit_with_startup_failure(
                "--worker-max-rss needs the file system /proc of Linux, which is not available here."
            )
        log_process("Started parent process [%d]", os.getpid(), bold=True)
        if self.config.metrics is not None:
            from uvicorn.metrics.supervisor_metrics import SupervisorMetrics

            self._metrics = SupervisorMetrics(self.config, lambda: self._stopping)
        self.signals.open()
        self._scoreboard = open_scoreboard()
        with self.signals.capture(SIGNALS):
            self._slots += [Slot() for _ in range(self.processes_num - len(self._slots))]
            if can_fork():
                preload(self.config)
            self._start_missing()
            while self._living or not self._stopping:
                self._wait()
                self._step()
        log_process("Stopping parent process [%d]", os.getpid(), bold=True)
        self._close()
        if self._failed:
            sys.exit(STARTUP_FAILURE)

    def _close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.signals.close()
        if self._scoreboard is not None:
            self._scoreboard.close()
        if self._metrics is not None:
            self._metrics.close()

    def _wait(self) -> None:
        objects: list[PipeEnd | int | socket] = [self.signals.reader]
        due = min((slot.start_at for slot in self._slots if self._is_to_start(slot)), default=math.inf)
        due = min(due, self.manager.watchdog_due)
        if self._replacement is not None:
            due = min(due, self._replacement.deadline)
        if self._metrics is not None:
            objects += self._metrics.objects()
            due = min(due, self._metrics.due)
        for process in self._living:
            objects.append(process.sentinel)
            due = min(due, process.due)
            if process.channel_open:
                objects.append(process.channel)
            else:
                due = min(due, time.monotonic() + ENDING_INTERVAL)
        wait(objects, None if due == math.inf else max(0.0, due - time.monotonic()))

    def _step(self) -> None:
        for sig in self.signals.take_all():
            getattr(self, f"handle_{SIGNALS[sig].lower()}")()
        should_exit = self.should_exit
        if should_exit if isinstance(should_exit, bool) else should_exit.is_set():
            self._stop()
        for process in list(self._living):
            process.receive()
            if process.exitcode is not None:
                self._bury(process)
            else:
                process.check(time.monotonic())
        if not self._stopping:
            self._replace()
            self._start_missing()
            if not self._ready and all(slot.is_serving for slot in self._slots):
                self._announce_ready()
        self.manager.keep_alive()
        if self._metrics is not None:
            self._metrics.step()

    def _announce_ready(self) -> None:
        self._ready = True
        self.manager.ready(f"Serving with {len(self._slots)} workers")

    def _start_process(self, slot: Slot) -> Process | None:
        share = None if self._scoreboard is None else self._scoreboard.take()
        number = self._slots.index(slot) + 1
        try:
            cells = None if self._metrics is None else self._metrics.open_cells()
            if can_fork():
                process = Process(self.config, self.sockets, share, self._let_go, number, cells)
                with self.signals.held_back():
                    process.start()
            else:
                process = Process(self.config, self.sockets, share, number=number, cells=cells)
                process.start()
        except OSError as exc:  # The system has no processes, files or memory left.
            logger.error("A child process cannot be started: %s", exc)
            slot.start_later(served=0.0)
            return None
        self._living.append(process)
        if self._metrics is not None and cells is not None:
            self._metrics.started(process.pid, number, cells)
        return process

    def _let_go(self) -> None:
        """Called in a forked worker: close everything that belongs to the supervisor."""
        self.signals.let_go()
        if self._metrics is not None:
            self._metrics.let_go()
        for process in self._living:
            process.close()

    def _start_missing(self) -> None:
        for slot in self._slots:
            if slot.process is None and slot.start_at <= time.monotonic() and not self._is_being_replaced(slot):
                slot.process = self._start_process(slot)

    def _bury(self, process: Process) -> None:
        self._living.remove(process)
        expected = process.state is ProcessState.STOPPING
        if expected:
            process.join()
        process.close()
        if self._scoreboard is not None and process.share is not None:
            self._scoreboard.give_back(process.share)
        if self._metrics is not None:
            self._metrics.ended(process.pid)
        if expected or self._stopping:
            return
        if self._replacement is not None and self._replacement.process is process:
            self._replacement_failed(self._replacement)
            return
        slot = next(slot for slot in self._slots if slot.process is process)
        slot.process = None
        if process.failed_to_start:
            logger.error("Child process [%d] failed to start, stopping the parent process.", process.pid)
            self._failed = True
            self._stop()
            return
        logger.warning("Child process [%d] died: %s", process.pid, _describe_end(process.exitcode))
        self._count_replaced("hung" if process.hangs else "died")
        if pause := slot.start_later(process.served):
            logger.warning("Child processes keep dying right after their start. Starting the next in %g s.", pause)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._delayed_until = time.monotonic() + self.config.shutdown_delay
        self.manager.stopping()
        for process in self._living:
            process.terminate()

    def _is_to_start(self, slot: Slot) -> bool:
        """Whether the slot gets a worker at `start_at`."""
        return slot.is_waiting and slot not in self._requests and not self._is_being_replaced(slot)

    def _is_being_replaced(self, slot: Slot) -> bool:
        return self._replacement is not None and self._replacement.slot is slot

    def _replace(self) -> None:
        """Continue to replace workers. An old worker is stopped when the new one serves."""
        now = time.monotonic()
        for slot in self._slots:
            process = slot.process
            if process is not None and process.replacement_reason is not None and slot.start_at <= now:
                self._request_replacement(slot)
        replacement = self._replacement
        if replacement is not None:
            if replacement.process.state is ProcessState.SERVING:
                self._replacement = None
                old, replacement.slot.process = replacement.slot.process, replacement.process
                if old is not None:
                    self._count_replaced(old.replacement_reason or "restart")
                    old.retire()
            elif now >= replacement.deadline:
                replacement.process.kill_hanging("has not started in time")
                replacement.deadline = math.inf
        while self._replacement is None and self._requests:
            slot = self._requests.popleft()
            # If the worker has died, `_start_missing` starts a new one.
            if slot.process is not None and (process := self._start_process(slot)) is not None:
                self._replacement = Replacement(slot, process)
        if self._restarting and self._replacement is None and all(slot.is_serving for slot in self._slots):
            self._restarting = False
            logger.info("All child processes have been restarted.")
            self._announce_ready()

    def _count_replaced(self, reason: str) -> None:
        """Count a worker that is replaced, for the metrics."""
        if self._metrics is not None:
            self._metrics.replaced(reason)

    def _request_replacement(self, slot: Slot) -> None:
        if slot not in self._requests and not self._is_being_replaced(slot):
            self._requests.append(slot)

    def _replacement_failed(self, replacement: Replacement) -> None:
        """Give up the restart, and keep the workers that serve."""
        self._replacement = None
        self._restarting = False
        self._requests.clear()
        self._announce_ready()
        logger.error(
            "Child process [%d] failed to start, the others go on serving. The restart is abandoned.",
            replacement.process.pid,
        )
        replacement.slot.start_later(served=0.0)

    def handle_int(self) -> None:
        """Stop. The second call skips the delay; without one, the workers end without waiting for connections."""
        logger.info("Received SIGINT, exiting.")
        if self._stopping and not self._skip_delay():
            for process in self._living:
                process.interrupt()
        self._stop()

    def handle_term(self) -> None:
        """Stop. The second call skips the delay."""
        logger.info("Received SIGTERM, exiting.")
        self._skip_delay()
        self._stop()

    def handle_break(self) -> None:
        """Stop, as for SIGTERM."""
        logger.info("Received SIGBREAK, exiting.")
        self._skip_delay()
        self._stop()

    def _skip_delay(self) -> bool:
        """End the delay of the shutdown. Returns whether there was one."""
        if time.monotonic() >= self._delayed_until:
            return False
        self._delayed_until = 0.0
        for process in self._living:
            process.skip_delay()
        return True

    def handle_hup(self) -> None:
        """Replace all workers."""
        logger.info("Received SIGHUP, restarting processes.")
        self.manager.reloading()
        self._restarting = True
        # This includes a slot whose worker is starting now, because it may have loaded the old code.
        self._requests.extend(slot for slot in self._slots if slot not in self._requests)

    def handle_usr1(self) -> None:
        """Reopen the log files, here and in the workers."""
        logger.info("Received SIGUSR1, reopening log files.")
        reopen_logs()
        for process in self._living:
            process.reopen_logs()

    def handle_usr2(self) -> None:
        """Write the stacks of all threads, here and in the workers."""
        write_stacks()
        for process in self._living:
            process.write_stacks()

    def handle_ttin(self) -> None:
        """Add a worker."""
        logger.info("Received SIGTTIN, increasing the number of processes.")
        self.processes_num += 1
        self._slots.append(Slot())

    def handle_ttou(self) -> None:
        """Stop a worker."""
        logger.info("Received SIGTTOU, decreasing number of processes.")
        if self.processes_num <= 1:
            logger.info("Already reached one process, cannot decrease the number of processes anymore.")
            return
        self.processes_num -= 1
        slot = self._slots.pop()
        if slot in self._requests:
            self._requests.remove(slot)
        if self._replacement is not None and self._replacement.slot is slot:
            self._replacement.process.interrupt()  # It has no connections yet.
            self._replacement = None
        if slot.process is not None:
            slot.process.retire()
