"""How long the suite fuzzes: enough that every rule is met. `make fuzz` goes on for as long as it is told."""

from hypothesis import settings

from tests.fuzz.run import QUIET

# A busy machine is slow, which is no failure.
settings.register_profile("suite", max_examples=100, stateful_step_count=25, **QUIET)
settings.load_profile("suite")
