"""The suite on interpreters, processors and systems that this machine is not: `make platforms`."""
