import signal
import sys
import threading
from multiprocessing.connection import wait

import pytest

from uvicorn.supervisors.multiprocess import SIGNALS, SignalQueue


def opened() -> SignalQueue:
    queue = SignalQueue()
    queue.open()
    return queue


def test_keeps_a_signal_from_before_the_queue_was_opened() -> None:
    queue = SignalQueue()
    queue.put(signal.SIGTERM)
    queue.open()
    assert wait([queue.reader], 0) == [queue.reader]
    assert queue.take_all() == [signal.SIGTERM]
    queue.close()
    queue.put(signal.SIGTERM)  # A closed queue wakes nothing.


def test_the_table_names_the_signals_of_the_platform() -> None:
    assert SIGNALS[signal.SIGINT] == "INT"
    assert SIGNALS[signal.SIGTERM] == "TERM"
    assert all(getattr(signal, f"SIG{name}") == number for number, name in SIGNALS.items())


def test_signals_wake_the_reader_and_keep_their_order() -> None:
    queue = opened()
    assert wait([queue.reader], 0) == []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        queue.put(number)
    assert wait([queue.reader], 0) == [queue.reader]
    assert queue.take_all() == [signal.SIGINT, signal.SIGTERM, signal.SIGINT]
    assert wait([queue.reader], 0) == []
    assert queue.take_all() == []
    queue.close()


def test_many_signals_do_not_fill_the_pipe() -> None:
    queue = opened()
    for _ in range(100_000):
        queue.put(signal.SIGTERM)
    assert len(queue.take_all()) == 100_000
    queue.close()


def test_handlers_are_installed_and_restored() -> None:
    queue = opened()
    before = signal.getsignal(signal.SIGTERM)
    with queue.capture([signal.SIGTERM]):
        signal.raise_signal(signal.SIGTERM)
        assert queue.take_all() == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before
    queue.close()


def test_other_threads_install_nothing() -> None:
    queue = opened()
    before = signal.getsignal(signal.SIGTERM)
    during = []

    def capture() -> None:
        with queue.capture([signal.SIGTERM]):
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=capture)
    thread.start()
    thread.join()
    assert during == [before]
    queue.close()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_signals_are_held_back_while_a_child_is_forked() -> None:
    queue = opened()
    taken = []
    before = signal.signal(signal.SIGTERM, lambda sig, frame: taken.append(sig))
    try:
        with queue.capture([signal.SIGTERM]):
            with queue.held_back():
                signal.raise_signal(signal.SIGTERM)
                assert queue.take_all() == []
            assert queue.take_all() == [signal.SIGTERM]
            with queue.held_back():
                signal.raise_signal(signal.SIGTERM)
                queue.let_go()  # The child calls this. From here on, the child handles signals itself.
                assert taken == [signal.SIGTERM]
                assert queue.reader.closed
    finally:
        signal.signal(signal.SIGTERM, before)
