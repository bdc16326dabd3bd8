# Each target makes the environment first when it is missing or does not match requirements.lock.

PYTHON ?= python3
RUN := .venv/bin/python
export PYTHONPATH := $(CURDIR)/spark_jobs:$(CURDIR)/dags:$(CURDIR)/plugins:$(CURDIR)

# The names of the options on the command line (SOURCE=..., WORKERS=...). Their values are passed in the environment, so
# that no shell interprets them.
GIVEN = $(filter-out PYTHON,$(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name))))

.DEFAULT_GOAL := help
.PHONY: help environment run up down cluster drill bench bench-scale check static fast test nightly lock

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

environment:
	@$(PYTHON) local_stack/bootstrap.py

run: environment  ## one real run, end to end, on the sample or on SOURCE=; also MODEL= WORKSPACE= WORKERS= CORES=
	@$(RUN) -m local_stack run $(GIVEN)

up: environment  ## start Spark and Airflow with the web UI and keep them running
	@$(RUN) -m local_stack up $(GIVEN)

down: environment  ## stop what make up has started
	@$(RUN) -m local_stack down $(GIVEN)

COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

cluster:  ## build and start the containers of docker-compose.yaml, and print the addresses with the login
	@$(COMPOSE) up --build --detach
	@$(COMPOSE) run --rm secrets show

drill: environment  ## cause faults in real runs and report which alerts came and how early; ONLY= IMAGES= OUTPUT=
	@$(RUN) -m drill $(GIVEN)

bench: environment  ## compare this job with the usual ways on this machine; IMAGES= ROUNDS= ONLY= SOURCE= OUTPUT= CORES=
	@$(RUN) -m benchmarks $(GIVEN)

bench-scale: environment  ## measure time and memory of every task on ten million generated rows; ROWS= OUTPUT= WORKSPACE=
	@$(RUN) -m benchmarks.scale $(GIVEN)

check: environment  ## format, lint, types, import contracts and fast tests: under three minutes
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 static fast

static:
	@.venv/bin/mypy
	@.venv/bin/lint-imports

fast:
	@$(RUN) -m pytest -m "not slow and not nightly"

test: check  ## make check, then the tests that start Spark, Airflow, a browser or containers; explains each skip
	@$(RUN) -m tests

nightly: environment  ## the tests that take long and seldom fail: drills, the long simulation, a small benchmark
	@$(RUN) -m pytest -m nightly

lock:  ## resolve requirements.in again into requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--overrides cluster/overrides.in --output-file requirements.lock requirements.in
	cluster/lock.sh
