"""The suite on other interpreters, processors and systems than this machine's: `make platforms`."""
