#!/bin/sh
# Builds the cluster's images as the tests will, which then find every step in the engine's cache. $1: the tag.
set -eu
cd "$(dirname "$0")/../.."
sh tests/containers/make_base_image.sh
compose=docker-compose
docker compose version >/dev/null 2>&1 && compose="docker compose"
TAG=$1 BASE_IMAGE=debian:bookworm-slim $compose build --quiet
