# Every door of the project: `make demo` shows it working, `make test` proves it. Both set everything up first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN    := .venv/bin
READY  := .venv/.installed
LOCK   := requirements.txt
# compiled modules are kept, whatever the shell says: else every worker and replica compiles all that it imports anew
export PYTHONDONTWRITEBYTECODE :=
# and so are compiled kernels, by what is written in their source: set-up compiles them, tests and jobs load them
export NUMBA_CACHE_LOCATOR_CLASSES := metrify.kernels.kept.ByContent,InTreeCacheLocator

.PHONY: help setup lock demo up down test slow check services docs clean
.PHONY: bench-features bench-validation bench-validation-job bench-estimation bench-imputation bench-detection bench-failures
help:                 ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: $(READY)       ## virtual environment with the locked packages; a second run installs nothing
$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else f"Metrify needs Python 3.11, found {sys.version.split()[0]}; set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/^ *#/p' $(LOCK) > .venv/uv.txt && $(BIN)/pip install --quiet --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m metrify.warm
	@touch $@

lock:                 ## resolve pyproject.toml anew into the hash-locked requirements.txt (names no host)
	$(BIN)/uv pip compile --quiet --extra dev --generate-hashes --python-version 3.11 --no-emit-index-url --no-header pyproject.toml -o $(LOCK)

demo: setup           ## the main job on the shipped sample: a league table and an HTML report
	$(BIN)/metrify demo

up: setup             ## start the graph, MLflow and the Ray dashboard, and leave them running
	$(BIN)/metrify up

down: setup           ## end exactly what `make up` started
	$(BIN)/metrify down

check: setup          ## linter, types and the floors
	$(BIN)/ruff check metrify jobs tests benchmarks
	$(BIN)/ruff format --check metrify jobs tests benchmarks
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: check           ## checks and tests, under 15 minutes on 2 cores
	$(BIN)/pytest

slow: setup           ## own clusters, kills and whole journeys, under 50 minutes
	$(BIN)/pytest -m slow --timeout 1800

services:             ## Debian's packages that some tests want: a browser
	apt-get update --quiet=2 && apt-get install --quiet=2 --no-install-recommends --yes chromium fonts-dejavu-core

docs: setup           ## the pages of docs/ that are generated from the code
	$(BIN)/python -m metrify.schema.page

bench-features: setup ## features beside polars on the same columns
	$(BIN)/python benchmarks/features.py

bench-validation: setup ## rules on real homes with faults put in, and their speed beside pandera (reads ../shared/data)
	$(BIN)/python benchmarks/validation.py

bench-validation-job: setup ## `metrify vee` and `impute` as jobs, in readings per second beside pandera
	$(BIN)/python benchmarks/validation_job.py

bench-estimation: setup ## rungs of the ladder on gaps cut out of real homes (reads ../shared/data)
	$(BIN)/python benchmarks/estimation.py

bench-imputation: setup ## learned imputers beside the rungs, on homes not learned from (reads ../shared/data)
	$(BIN)/python benchmarks/imputation.py

bench-detection: setup ## detectors on real homes with faults put in, event by event (reads ../shared/data)
	$(BIN)/python benchmarks/detection.py

bench-failures: setup ## the failure model beside the true hazard of simulated devices
	$(BIN)/python benchmarks/failures.py

clean:                ## forget the virtual environment (the workspace .metrify stays)
	rm -rf .venv
