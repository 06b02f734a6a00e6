# Everything from a fresh clone with Python >= 3.10, make and a C compiler. Each target says what it does.

PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
APP ?= examples.hello:app
JOBS ?= auto
GROUP ?= dev
PYTEST_ARGS ?=
FRAMEWORKS ?=
PLATFORMS ?=
DOCS_REPOSITORY ?=
MUTANTS ?=

BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# setuptools has a general warning about every editable installation.
PIP := PYTHONWARNINGS=ignore $(RUN) pip install --quiet
# After a change of these files, the speedups are built again.
SOURCES := pyproject.toml setup.py $(wildcard uvicorn/_speedups/*.py uvicorn/_speedups/*.pxd uvicorn/_speedups/*.pyx)

.DEFAULT_GOAL := help
.PHONY: help serve test frameworks platforms lint types bench docs build clean autobahn mutants fuzz sanitize abuse leaks soak h2spec

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## Serve APP (examples.hello:app) on http://HOST:PORT
	@echo "==> serving $(APP) on http://$(HOST):$(PORT), Ctrl-C ends it"
	@exec $(BIN)/uvicorn $(APP) --host $(HOST) --port $(PORT)

test: $(VENV)/.dev ## Run the whole suite on both builds
	@echo "==> running the suite"
	@$(RUN) pytest -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

frameworks: $(VENV)/.dev ## Run the framework tests, newest and oldest releases
	@echo "==> running the framework matrix"
	@$(RUN) pip install --quiet --group matrix
	@$(RUN) tests.frameworks.matrix $(FRAMEWORKS)

platforms: $(VENV)/.dev ## Run the suite on other interpreters and systems, as root
	@echo "==> running the platforms, as root"
	@$(RUN) pip install --quiet --group platforms
	@$(RUN) platforms $(PLATFORMS)

lint: $(VENV)/.dev ## Check format, style, spelling, Cython types, workflows
	@echo "==> checking format and style"
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@PATH="$(abspath $(BIN)):$$PATH" cython-lint uvicorn
	@$(BIN)/codespell
	@$(BIN)/zizmor --quiet --offline --persona pedantic .github
	@if command -v actionlint >/dev/null; then actionlint; \
		else echo "actionlint is not installed: zizmor alone has checked the workflows"; fi

types: $(VENV)/.dev ## Check types with mypy for Linux, Windows and macOS
	@for platform in linux win32 darwin; do \
		echo "==> checking types for $$platform"; $(RUN) mypy --platform $$platform || exit 1; \
	done

bench: $(VENV)/.dev ## Count instructions per request, compare both builds
	@echo "==> instructions per request, in thousands"
	@$(BIN)/python benchmarks/instructions.py --server floor --server ours
	@echo "==> the compiled modules on both builds"
	@$(RUN) pytest -c benchmarks/micro/pytest.ini benchmarks/micro

docs: $(VENV)/.dev ## Build the documentation into site/
	@echo "==> building the documentation into site/"
	@$(BIN)/python benchmarks/chart.py --check
	@DOCS_VERSION="Uvicorn $$($(BIN)/python -c 'import uvicorn; print(uvicorn.__version__)')" \
		DOCS_REPOSITORY="$(DOCS_REPOSITORY)" DOCS_EDIT_URI="$(if $(DOCS_REPOSITORY),blob/main/docs/)" \
		$(BIN)/zensical build --config-file mkdocs.yml --clean --strict
	@echo "site/index.html"

fuzz: $(VENV)/.dev ## Fuzz each target for SECONDS=60
	@echo "==> fuzzing"
	@$(RUN) tests.fuzz.run --seconds $(or $(SECONDS),60)

mutants: $(VENV)/.dev ## Put faults into MUTANTS (all) and list those not found
	@UVICORN_SPEEDUPS=off $(RUN) tests.mutation $(MUTANTS)

sanitize: $(VENV)/.dev ## Run the suite under gcc's sanitizers
	@echo "==> running the suite under sanitizers"
	@$(BIN)/python tests/sanitize.py -n $(JOBS) --dist loadgroup -m "not timing" $(PYTEST_ARGS)

abuse: $(VENV)/.dev ## Attack a server and compare each figure with its bound
	@$(RUN) pytest -m abuse -rP tests/abuse

leaks: $(VENV)/.dev ## Serve 10^6 requests: memory, descriptors, tasks
	@$(BIN)/python benchmarks/leaks.py

soak: $(VENV)/.dev ## Ten minutes of good, bad, slow and aborting clients
	@$(BIN)/python benchmarks/mixed_soak.py

autobahn: $(VENV)/.dev ## Run Autobahn's CASES (all) against the WebSocket codecs
	@$(BIN)/python tests/autobahn.py $(foreach case,$(CASES),--cases '$(case)')

h2spec: $(VENV)/.dev ## Run the HTTP/2 conformance tester on both builds
	@$(BIN)/python tests/h2spec.py

build: $(VENV)/.dev ## Build the sdist, a compiled and a pure wheel into dist/
	@echo "==> building into dist/"
	@rm -rf dist
	@UVICORN_BUILD_SPEEDUPS=require $(RUN) build
	@UVICORN_BUILD_SPEEDUPS=no $(RUN) build --wheel
	@ls -l dist

clean: ## Remove what the other targets made
	@echo "==> removing environments, builds and caches"
	@rm -rf .venv* build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* .mutation_notes htmlcov .cache
	@rm -f uvicorn/_speedups/*.so uvicorn/_speedups/*.pyd uvicorn/_speedups/*.c uvicorn/_speedups/not_compiled.txt
	@# Never across a mount, which an interrupted run may have left.
	@if [ -d .platforms ]; then rm -rf --one-file-system .platforms; fi
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "==> creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade "pip>=25.1"

$(VENV)/.serve: $(BIN)/python $(SOURCES)
	@echo "==> installing uvicorn[standard] into $(VENV), building the speedups"
	@$(PIP) --editable ".[standard]"
	@touch $@

# The tests want both builds, so that a missing compiler is an error here; UVICORN_BUILD_SPEEDUPS=auto overrides it.
$(VENV)/.dev: $(BIN)/python $(SOURCES)
	@echo "==> installing uvicorn[standard] and the development tools into $(VENV), building the speedups"
	@UVICORN_BUILD_SPEEDUPS=$${UVICORN_BUILD_SPEEDUPS:-require} $(PIP) --editable ".[standard]" --group $(GROUP)
	@touch $@ $(VENV)/.serve
