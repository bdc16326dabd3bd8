# Every target makes the environment first, when it is not there or no longer that of requirements.lock.

PYTHON ?= python3
RUN := .venv/bin/python
export PYTHONPATH := $(CURDIR)/spark_jobs:$(CURDIR)/dags:$(CURDIR)/plugins:$(CURDIR)

# SOURCE=..., WORKERS=... and so on: the names of what was given on the command line; the values travel in the
# environment, so that no shell ever reads them.
GIVEN = $(filter-out PYTHON,$(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name))))

.DEFAULT_GOAL := help
.PHONY: help environment run up down cluster drill bench bench-scale test test-fast lint lock

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

environment:
	@$(PYTHON) local_stack/bootstrap.py

run: environment  ## one real run, end to end, on the sample; SOURCE= MODEL= WORKSPACE= WORKERS= CORES= for anything else
	@$(RUN) -m local_stack run $(GIVEN)

up: environment  ## start Spark and Airflow, and keep them up with the web UI
	@$(RUN) -m local_stack up $(GIVEN)

down: environment  ## end what make up started
	@$(RUN) -m local_stack down $(GIVEN)

COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

cluster:  ## build and start the containers of docker-compose.yaml, and print the addresses with the login
	@$(COMPOSE) up --build --detach
	@$(COMPOSE) run --rm secrets show

drill: environment  ## faults in real runs: what is alerted, how early, and whether it was right; ONLY= IMAGES= OUTPUT=
	@$(RUN) -m drill $(GIVEN)

bench: environment  ## ours against the usual ways on this machine; IMAGES= ROUNDS= ONLY= SOURCE= OUTPUT= CORES=
	@$(RUN) -m benchmarks $(GIVEN)

bench-scale: environment  ## seconds and memory of every task on ten million made-up rows; ROWS= OUTPUT= WORKSPACE=
	@$(RUN) -m benchmarks.scale $(GIVEN)

test: environment lint  ## all tests; what a machine lacks for some of them is said
	@$(RUN) -m tests

test-fast: environment  ## the tests that need no Spark, Airflow or container: under two minutes
	@$(RUN) -m pytest -m "not slow"

lint: environment  ## ruff and mypy, as in CI
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

lock:  ## solve requirements.in anew into requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--overrides cluster/overrides.in --output-file requirements.lock requirements.in
	cluster/lock.sh
