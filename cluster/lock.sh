#!/bin/sh
# Resolves the requirements of the images into their lock files, with the versions of requirements.lock (needs uv).
set -eu
cd "$(dirname "$0")"
solve() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        --no-annotate --overrides overrides.in --constraints ../requirements.lock "$@"
}
solve --output-file spark.lock spark.in
solve --output-file driver.lock driver.in
solve --output-file airflow.lock airflow.in
solve --output-file jupyter.lock --constraints airflow.lock jupyter.in
