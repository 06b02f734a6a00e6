"""Puts faults into the sources, one at a time, and lists the faults that no test finds.

python -m tests.mutation [--every N] [--jobs N] [--seconds N] [--tests PATH] [--all] [FILE[:FUNCTION] ...]

pytest collects the tests once. A first run records which lines each test executes and how long it takes. Each mutant is
then a fork of that process: the changed code replaces the original, and the tests that execute the changed lines run
until one fails. Tests that found a fault in that function before run first, then the fastest cases of each test
function. A mutant that hangs is killed, and counts as found. Only the pure build is tried: code under `if COMPILED` is
excluded from coverage, and so from the mutants.

`.mutation_notes` keeps the records of the first run until a source changes. A test runs again if its file changes.

`judged.toml` lists the mutants that no test can find and those that are not worth a test, with the reasons.
Needs CPython 3.12 and fork.
"""

import argparse
import ast
import fnmatch
import gc
import importlib
import os
import pickle
import random
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest
import tomllib
from _pytest.runner import runtestprotocol

from tests.mutation.operators import Mutant, find_mutants
from tests.processes import ROOT

TESTS = (
    "tests/protocols",
    "tests/speedups",
    "tests/fuzz",
    "tests/cases/test_in_process.py",
    "tests/test_access_log.py",
    "tests/test_waiters.py",
)
# The servers of these tests are other processes, in which the mutant does not run.
IGNORED = (
    "tests/protocols/websockets/test_live.py",
    "tests/protocols/websockets/test_browser.py",
    "tests/cases/test_live.py",
)
SOURCES = (
    "uvicorn/_speedups/*_py.py",
    "uvicorn/_speedups/request_line.py",
    "uvicorn/_speedups/websocket_events.py",
    "uvicorn/waiters.py",
    "uvicorn/protocols/*.py",
    "uvicorn/protocols/http/*.py",
    "uvicorn/protocols/websockets/*.py",
)
# The required share of killed mutants among those that are not equivalent, in percent.
BOUNDS = {"uvicorn/_speedups/": 95.0, "uvicorn/protocols/": 90.0}
NOTES = ROOT / ".mutation_notes"
JUDGED = Path(__file__).with_name("judged.toml")
KILLED, SURVIVED, EQUIVALENT, NOT_WORTH_IT = "killed", "survived", "equivalent", "not_worth_it"
MEMORY = 8 << 30

Line = tuple[str, int]
# Of a test: whether it passes, how many processor seconds it takes, and which lines it executes.
Note = tuple[bool, float, set[Line]]


def find_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code object, and the code objects of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from find_codes(constant)


def find_files(patterns: Iterable[str]) -> list[str]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern)) if path.stat().st_size]
    return [path.relative_to(ROOT).as_posix() for path in found]


def is_pure(item: Any) -> bool:
    return not hasattr(item, "callspec") or "compiled" not in item.callspec.id.split("-")


def be_quiet() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


class Judged:
    """The entries of judged.toml. A "*" stands for any function, line or change."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, list[list[str]]]] = tomllib.loads(JUDGED.read_text(encoding="utf-8"))
        self._used: set[int] = set()

    def find_verdict(self, file: str, mutant: Mutant) -> str:
        for verdict, rows in self._tables.get(file, {}).items():
            for row in rows:
                pairs = zip(row[:3], (mutant.function, mutant.line, mutant.change), strict=True)
                if all(wanted in ("*", text) for wanted, text in pairs):
                    self._used.add(id(row))
                    return verdict
        return ""

    def find_stale(self, file: str) -> list[list[str]]:
        return [row for rows in self._tables.get(file, {}).values() for row in rows if id(row) not in self._used]


class Run:
    """Runs the tests of a collected session against the mutants of some files."""

    def __init__(self, options: argparse.Namespace, items: list[Any]) -> None:
        self.options = options
        self.items = [item for item in items if is_pure(item)]
        self.judged = Judged()
        self.sources = find_files(SOURCES)
        self.files = find_files([name.partition(":")[0] for name in options.files]) or self.sources
        # Keys: file, qualified name and first line.
        self.functions: dict[tuple[str, str, int], FunctionType] = {}
        self.seconds: dict[int, float] = {}
        self.covering: defaultdict[Line, set[int]] = defaultdict(set)
        self.killers: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self.running: dict[int, tuple[str, Mutant, int]] = {}
        self.tables: dict[str, Counter[str]] = {file: Counter() for file in self.files}

    def run(self) -> int:
        for file in self.sources:
            importlib.import_module(file.removesuffix(".py").replace("/", "."))
        names = {str(ROOT / file): file for file in self.sources}
        for function in gc.get_objects():
            if isinstance(function, FunctionType) and function.__code__.co_filename in names:
                code = function.__code__
                self.functions[names[code.co_filename], code.co_qualname, code.co_firstlineno] = function
        gc.freeze()
        begun = time.monotonic()
        self.note_lines(names)
        print(f"{len(self.seconds)} tests, {time.monotonic() - begun:.0f} s", flush=True)
        for file in self.files:
            self.try_file(file)
        while self.running:
            self.finish_one()
        result = self.report()
        print(f"{time.monotonic() - begun:.0f} s")
        return result

    def passes(self, number: int, following: int | None) -> bool:
        after = None if following is None else self.items[following]
        return not any(report.failed for report in runtestprotocol(self.items[number], nextitem=after, log=False))

    def note_lines(self, names: dict[str, str]) -> None:
        stamp = [(ROOT / file).read_bytes() for file in self.sources]
        known: dict[str, tuple[float, Note]] = {}
        if NOTES.exists():
            old, known = pickle.loads(NOTES.read_bytes())
            known = known if old == stamp else {}
        stamps = [item.path.stat().st_mtime for item in self.items]
        missing = [
            number
            for number, item in enumerate(self.items)
            if item.nodeid not in known or known[item.nodeid][0] != stamps[number]
        ]
        for number, note in self.record_apart(missing, names).items():
            known[self.items[number].nodeid] = (stamps[number], note)
        NOTES.write_bytes(pickle.dumps((stamp, known)))
        for number, item in enumerate(self.items):
            passed, seconds, lines = known[item.nodeid][1]
            if not passed:
                print(f"not used, as it fails without a mutant: {item.nodeid}")
                continue
            self.seconds[number] = seconds
            for line in lines:
                self.covering[line].add(number)

    def record_apart(self, numbers: list[int], names: dict[str, str]) -> dict[int, Note]:
        """Run each test once in a child process, so that the tests leave no state behind in this process."""
        reader, writer = os.pipe()
        if not (child := os.fork()):
            be_quiet()
            with os.fdopen(writer, "wb") as out:
                pickle.dump(self.record(numbers, names), out)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as notes:
            found: dict[int, Note] = pickle.load(notes)
        os.waitpid(child, 0)
        return found

    def record(self, numbers: list[int], names: dict[str, str]) -> dict[int, Note]:
        monitoring = sys.monitoring
        tool, event = monitoring.COVERAGE_ID, monitoring.events.LINE
        lines: set[Line] = set()
        # Each line is stored as one object, however many tests execute it. This saves memory.
        known: dict[Line, Line] = {}

        def on_line(code: CodeType, number: int) -> object:
            line = names[code.co_filename], number
            lines.add(known.setdefault(line, line))
            return monitoring.DISABLE

        monitoring.use_tool_id(tool, "mutation")
        monitoring.register_callback(tool, event, on_line)
        for function in self.functions.values():
            for code in find_codes(function.__code__):
                monitoring.set_local_events(tool, code, event)
        found: dict[int, Note] = {}
        # The order is random, because the tests of a mutant run in another order than usual, too.
        random.Random(0).shuffle(numbers)
        for number, following in zip_longest(numbers, numbers[1:]):
            lines.clear()
            monitoring.restart_events()
            # Processor time, not wall time: while a test waits, other mutants use the processor.
            begun = time.process_time()
            passed = self.passes(number, following)
            found[number] = (passed, time.process_time() - begun, lines.copy())
        return found

    def try_file(self, file: str) -> None:
        excluded = coverage.Coverage(config_file=str(ROOT / "pyproject.toml")).analysis2(str(ROOT / file))[2]
        tree, mutants = find_mutants((ROOT / file).read_text(encoding="utf-8"), set(excluded))
        wanted = [name.partition(":")[2] or "*" for name in self.options.files if file in name] or ["*"]
        chosen = [item for item in mutants if any(fnmatch.fnmatch(item.function, name) for name in wanted)]
        for mutant in chosen[:: self.options.every]:
            verdict = self.judged.find_verdict(file, mutant)
            if verdict and not self.options.all:
                self.tables[file][verdict] += 1
            else:
                self.start(file, tree, mutant)
        if wanted == ["*"] and self.options.every == 1:
            for row in self.judged.find_stale(file):
                print(f"{file}: no mutant is like {row}")

    def start(self, file: str, tree: ast.Module, mutant: Mutant) -> None:
        tests = self.choose_tests(file, mutant)
        while len(self.running) >= self.options.jobs:
            self.finish_one()
        reader, writer = os.pipe()
        if not (child := os.fork()):
            be_quiet()
            try:
                self.try_mutant(file, tree, mutant, tests, writer)
            finally:
                os._exit(2)
        os.close(writer)
        self.running[child] = (file, mutant, reader)

    def choose_tests(self, file: str, mutant: Mutant) -> list[int]:
        span = [(file, line) for line in range(*self.find_span(file, mutant))]
        if mutant.first_line:
            lines = [(file, line) for line in range(mutant.lines[0], mutant.lines[1] + 1)]
        else:
            lines = [line for line in self.covering if line[0] == file]
        # Lines inside a table of constants have no events. Then the tests of the whole span are used.
        covering = self.find_covering(lines) or self.find_covering(span)
        fastest = sorted(covering, key=self.seconds.__getitem__)
        killers = self.killers[file, mutant.function]
        order = [number for number, _ in killers.most_common() if number in covering]
        # First some tests for each line of the function, the line with the fewest tests first. Then some cases of each
        # test function, because its other cases mostly find the same faults. Then the rest.
        for line in sorted(span, key=lambda at: len(self.covering[at])):
            order += [number for number in fastest if number in self.covering[line]][:3]
        siblings: defaultdict[str, list[int]] = defaultdict(list)
        for number in fastest:
            siblings[self.items[number].nodeid.partition("[")[0]].append(number)
        order += [number for numbers in siblings.values() for number in numbers[:4]]
        left = self.options.seconds
        chosen = []
        for number in dict.fromkeys(order + fastest):
            left -= self.seconds[number]
            if left > 0 or not chosen:
                chosen.append(number)
        return chosen

    def find_covering(self, lines: list[Line]) -> set[int]:
        """Return the tests that execute one of the lines."""
        return set().union(*(self.covering[line] for line in lines))

    def find_span(self, file: str, mutant: Mutant) -> tuple[int, int]:
        """Return the range of lines of the mutant's function."""
        for (where, _, first), function in self.functions.items():
            if where == file and first == mutant.first_line:
                return first, 1 + max(line for _, _, line in function.__code__.co_lines() if line)
        return 0, 0

    def try_mutant(self, file: str, tree: ast.Module, mutant: Mutant, tests: list[int], writer: int) -> None:
        """Run the tests in the child. It ends with 0 if no test fails, and by a signal if a test hangs."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if mutant.first_line:
            mutant.apply()
            for code in find_codes(compile(tree, str(ROOT / file), "exec")):
                function = self.functions.get((file, code.co_qualname, code.co_firstlineno))
                if function is not None and code.co_firstlineno == mutant.first_line:
                    function.__code__ = code
        else:
            change_constant(file, mutant)
        for number, following in zip_longest(tests, tests[1:]):
            os.write(writer, b"%d " % number)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10 + int(20 * self.seconds[number]))
            if not self.passes(number, following):
                os._exit(1)
        os._exit(0)

    def finish_one(self) -> None:
        child, status = os.wait()
        file, mutant, reader = self.running.pop(child)
        with os.fdopen(reader, "rb") as answer:
            tried = answer.read().split()
        assert os.waitstatus_to_exitcode(status) != 2, f"this mutant cannot be made: {mutant}"
        self.tables[file][KILLED if status else SURVIVED] += 1
        if status:
            self.killers[file, mutant.function][int(tried[-1])] += 1
        else:
            row = [mutant.function, mutant.line, mutant.change]
            print(f"{file}:{mutant.lines[0]}: {len(tried)} tests pass: {row}", flush=True)

    def report(self) -> int:
        """Print a line for each file and each part of the package. Returns the exit code."""
        code = 0
        verdicts = (KILLED, SURVIVED, NOT_WORTH_IT, EQUIVALENT)
        print(f"{'':50} {'mutants':>8} {'killed':>8} {'survived':>8} {'not worth':>9} {'equivalent':>10} {'score':>7}")
        parts = {part: [self.tables[file] for file in self.files if file.startswith(part)] for part in BOUNDS}
        sums = {part: sum(tables, Counter()) for part, tables in parts.items()}
        for name, table in {**self.tables, **sums}.items():
            if total := sum(table.values()):
                killed, survived, not_worth_it, equivalent = (table[verdict] for verdict in verdicts)
                score = 100 * killed / max(1, total - equivalent)
                print(f"{name:50} {total:8} {killed:8} {survived:8} {not_worth_it:9} {equivalent:10} {score:6.1f}%")
                code |= score < BOUNDS.get(name, 0)
        return int(code)


def change_constant(file: str, mutant: Mutant) -> None:
    """Change a constant of a module, and its copies in the modules that have imported it."""
    assert isinstance(mutant.node, ast.Constant)
    old = getattr(sys.modules[file.removesuffix(".py").replace("/", ".")], mutant.function)
    for name, module in list(sys.modules.items()):
        value = vars(module).get(mutant.function)
        if name.startswith(("uvicorn.", "tests.")) and type(value) is type(old) and value == old:
            setattr(module, mutant.function, mutant.node.value)


class Plugin:
    """A pytest plugin that replaces the loop that runs the tests."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.result = 2

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # Imported only here: pytest warns about the plugin of hypothesis if it is imported before pytest starts.
        from hypothesis import Phase, settings

        # The first failure is enough, and each run starts from the same state.
        settings.register_profile(
            "mutation", max_examples=50, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
        )
        settings.load_profile("mutation")
        self.result = Run(self._options, session.items).run()
        return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Put faults into the sources.")
    parser.add_argument("files", nargs="*", metavar="FILE[:FUNCTION]", help="all if not given; both may be patterns")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try each n-th mutant only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="mutants at a time")
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="of tests for one mutant, at most")
    parser.add_argument("--tests", action="append", metavar="PATH", help="use these tests only; may be repeated")
    parser.add_argument("--all", action="store_true", help="try those of judged.toml too")
    options = parser.parse_args()
    plugin = Plugin(options)
    ignored = [f"--ignore={path}" for path in IGNORED]
    tests = options.tests or TESTS
    pytest.main(
        ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0", *ignored, *tests], plugins=[plugin]
    )
    return plugin.result


if __name__ == "__main__":
    sys.exit(main())
