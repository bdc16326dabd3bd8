# The images of one cluster: spark (master and workers), airflow and jupyter. The last two share the stage driver.
# Each stage adds layers to the one before, so that a machine stores shared layers once.
ARG BASE_IMAGE=debian:bookworm-20250520-slim

FROM ${BASE_IMAGE} AS base
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        openjdk-17-jre-headless python3 tini >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/* /var/log/*.log /var/log/apt \
    && groupadd --gid 10001 batch \
    && useradd --uid 10001 --gid batch --create-home --shell /usr/sbin/nologin batch \
    # A new volume gets the owner of the directory that it is mounted over.
    && install --directory --owner batch --group batch /workspace /scratch /logs \
    && install --directory --owner batch --group batch --mode 0750 \
        /secrets /secrets/airflow /secrets/jupyter /secrets/postgres /secrets/spark


# The files of this repository that the last stages copy.
FROM base AS files
LABEL batch-predictions.stage=build
WORKDIR /opt/batch-predictions
# The workers open the images of the sample, so it is in every container under the same path.
COPY sample/images spark/sample/images
COPY cluster/healthy.py spark/cluster/
COPY models driver/models
COPY spark_jobs driver/spark_jobs
COPY plugins driver/plugins
COPY dags driver/dags
COPY local_stack/__init__.py local_stack/spark_settings.py airflow/local_stack/
COPY cluster/__init__.py cluster/make_secrets.py airflow/cluster/
COPY notebooks jupyter/notebooks
COPY cluster/start_jupyter.sh jupyter/cluster/
COPY cluster/ipython_kernel_config.py jupyter/ipython/
RUN cp -r driver/. airflow/ && cp -r driver/. jupyter/ && python3 -m compileall -q airflow jupyter


# Build tools stay in these stages. Debian's pip installs into /opt/venv, which has no pip.
FROM base AS build-spark
LABEL batch-predictions.stage=build
ENV PIP="python3 -m pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-deps --require-hashes"
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip python3-venv >/dev/null \
    && python3 -m venv --without-pip /opt/venv
COPY cluster/*.lock cluster/slim.sh cluster/sides.pth /build/
RUN $PIP --requirement /build/spark.lock && sh /build/slim.sh /opt/venv \
    && cp /build/sides.pth /opt/venv/lib/python3.11/site-packages/

# Each of the following stages has a prefix with the packages that the stages before lack.
FROM build-spark AS build-driver
RUN $PIP --prefix /opt/driver --requirement /build/driver.lock && sh /build/slim.sh /opt/driver

FROM build-driver AS build-airflow
RUN $PIP --prefix /opt/airflow --requirement /build/airflow.lock && sh /build/slim.sh /opt/airflow

FROM build-driver AS build-jupyter
RUN $PIP --prefix /opt/jupyter --requirement /build/jupyter.lock && sh /build/slim.sh /opt/jupyter


FROM base AS spark
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYSPARK_PYTHON=/opt/venv/bin/python \
    SPARK_HOME=/opt/venv/lib/python3.11/site-packages/pyspark \
    SPARK_CONF_DIR=/secrets/spark \
    SPARK_LOCAL_DIRS=/scratch \
    SPARK_WORKER_DIR=/scratch/work
COPY --from=files /opt/batch-predictions/spark /opt/batch-predictions
COPY --from=build-spark /opt/venv /opt/venv
USER batch
WORKDIR /opt/batch-predictions
ENTRYPOINT ["tini", "--"]


FROM spark AS driver
COPY --from=build-driver /opt/driver /opt/driver


FROM driver AS airflow
ENV PATH=/opt/airflow/bin:$PATH \
    PYTHONPATH=/opt/batch-predictions/spark_jobs \
    AIRFLOW_HOME=/tmp/airflow
COPY --from=build-airflow /opt/airflow /opt/airflow
COPY --from=files /opt/batch-predictions/airflow /opt/batch-predictions


FROM driver AS jupyter
ENV PATH=/opt/jupyter/bin:$PATH \
    PYTHONPATH=/opt/batch-predictions/spark_jobs:/opt/batch-predictions/dags:/opt/batch-predictions/plugins \
    IPYTHONDIR=/tmp/ipython \
    JUPYTER_CONFIG_PATH=/opt/jupyter/etc/jupyter \
    JUPYTER_PATH=/opt/jupyter/share/jupyter \
    JUPYTERLAB_DIR=/opt/jupyter/share/jupyter/lab
COPY --from=build-jupyter /opt/jupyter /opt/jupyter
COPY --from=files /opt/batch-predictions/jupyter /opt/batch-predictions
