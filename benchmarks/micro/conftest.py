"""Runs each benchmark on both builds, and prints the ratio."""

from collections import defaultdict

import pytest

from uvicorn import _speedups


@pytest.fixture(params=["pure", "compiled"])
def speedups(request):
    """The public names of one build of the speedups."""
    try:
        return _speedups.load(request.param)
    except ImportError as error:
        pytest.skip(f"the {request.param} build is not there: {error}")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, config):
    fastest = defaultdict(dict)
    for benchmark in config._benchmarksession.benchmarks:
        fastest[benchmark.group][benchmark.param] = benchmark.stats.min
    terminalreporter.section("pure over compiled (1.3 is wanted)")
    for group, builds in fastest.items():
        if len(builds) == 2:
            pure, compiled = builds["pure"], builds["compiled"]
            times = f"{pure * 1e6:6.2f} us -> {compiled * 1e6:6.2f} us"
            terminalreporter.write_line(f"{group:<44} {times}  {pure / compiled:5.2f}")
