# A stand-in for the image postgres, with the features that docker-compose.yaml uses, for machines that cannot reach a
# container registry.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/lib/postgresql/* \
    && install --directory --owner 999 --group 999 --mode 0700 /var/lib/postgresql/data
COPY postgres_entrypoint.sh /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:$PATH
ENTRYPOINT ["sh", "/usr/local/bin/postgres_entrypoint.sh"]
