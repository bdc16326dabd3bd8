# The machine of a newcomer: Python, venv, make and git; no Java, no compiler, no root.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 python3-venv make git >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home newcomer
USER newcomer
WORKDIR /home/newcomer
