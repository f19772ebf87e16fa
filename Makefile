# make run    set up what is missing, process everything in samples/, show what was found
# make up     start the database, Dagster's web server and daemon, and stay until Ctrl-C
# make test   set up and pass the tests
# make check  lint, types, layers, generated docs, tests: what CI runs
# make chaos  kill the real processes at random moments, for many minutes
# make bench  the benchmarks of docs/performance.md
#
# Needs Python ≥ 3.11, make and a package index. All paths are relative: the checkout may
# lie in a folder with spaces.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
CODE := rhizome_pipelines assets jobs sensors resources
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run up down test chaos check lint types layers docs-check format bench lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(BIN)/python:
	@python=; for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "Rhizome needs Python 3.11 or newer; none was found (set PYTHON=/path/to/python)." >&2; \
	  exit 1; fi; \
	echo "Setting up $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Rhizome needs ..."
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the tests need ..."
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

run: $(VENV)/.runtime
	@$(BIN)/rhizome process samples

up: $(VENV)/.runtime
	@exec $(BIN)/rhizome up

down: $(VENV)/.runtime
	@$(BIN)/rhizome down

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 3 --dist worksteal

chaos: $(VENV)/.dev
	@$(BIN)/python -m pytest -s -m chaos tests/system/chaos

check: lint types layers docs-check test

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

layers: $(VENV)/.dev
	@$(BIN)/lint-imports

docs-check: $(VENV)/.dev
	@$(BIN)/python docs/generate.py --check

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python docs/generate.py

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

# Write down what is installed now as what will be installed.
lock: $(VENV)/.dev
	@$(PIP) freeze --exclude-editable > constraints.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
