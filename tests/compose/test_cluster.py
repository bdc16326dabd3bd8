"""docker compose up, and what people do with the cluster. The tests depend on their order."""

from __future__ import annotations

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from local_stack.ports import LOOPBACK
from tests.compose.cluster import Cluster, docker, wait_for

pytestmark = pytest.mark.slow

ONCE = {"secrets", "airflow-migrate"}
NOTEBOOK = "notebooks/batch_predictions.ipynb"
UI = "api/v1/applications"
SECRET_VOLUMES = ("airflow", "jupyter", "postgres", "spark")
PRINT_SECRETS = """
cd /secrets
for file in airflow/fernet airflow/jwt airflow/api jupyter/token postgres/password; do cat "$file"; echo; done
sed -n 's/^spark.authenticate.secret //p' spark/spark-defaults.conf
sed 's/.*: "\\(.*\\)".*/\\1/' airflow/passwords.json
"""


def trigger(cluster: Cluster, params: dict[str, Any]) -> str:
    """Starts a run over REST; its id."""
    with closing(cluster.api()) as api:
        api.unpause()
        return api.trigger(params).run_id


def wait_until_over(cluster: Cluster, run_id: str, seconds: float) -> str:
    """The state in which the run ended."""
    with closing(cluster.api()) as api:

        def over() -> str | None:
            run = api.run(run_id)
            return None if run.is_unfinished else run.state

        state = wait_for(f"end of {run_id}", over, seconds)
        states = api.task_states(run_id)
    return f"{state} {states}" if state == "failed" else state


def published(cluster: Cluster) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(cluster.read("published/predictions.csv"))))


def run_of(cluster: Cluster) -> str:
    """The key of the newest run in the workspace."""
    listed = cluster.compose("exec", "-T", "jupyter", "ls", "-t", "/workspace/runs").split()
    return next(key for key in listed if key != "notebook")


def test_run_is_published_with_executors_on_both_workers(cluster: Cluster) -> None:
    assert len(cluster.workers()) == 2
    assert [(worker["cores"], worker["memory"]) for worker in cluster.workers()] == 2 * [(2, 4096)]
    with cluster.step("run of the sample"):
        state = wait_until_over(cluster, trigger(cluster, {}), 300)
    assert state == "success"
    rows = published(cluster)
    assert (len(rows), sum(row["status"] == "predicted" for row in rows)) == (92, 88)
    for worker in cluster.containers("spark-worker"):
        port = worker["NetworkSettings"]["Ports"]["8081/tcp"][0]["HostPort"]
        page = httpx.get(f"http://{LOOPBACK}:{port}/json/", timeout=10).json()
        assert page["finishedexecutors"], f"{worker['Name']} has had no executor"


def test_pages_of_the_workers_are_reached_through_the_masters(cluster: Cluster) -> None:
    master = cluster.url("SPARK_MASTER_WEB_PORT")
    links = set(re.findall(r'href="(/?proxy/worker-[^"/]+)', httpx.get(master, timeout=10).text))
    assert len(links) == 2
    for link in links:
        assert "Spark Worker" in httpx.get(f"{master}/{link.lstrip('/')}/", timeout=10, follow_redirects=True).text


def test_every_container_is_hardened(cluster: Cluster) -> None:
    for one in cluster.containers():
        service, host = one["Config"]["Labels"]["com.docker.compose.service"], one["HostConfig"]
        assert one["Config"]["User"] not in ("", "0", "root"), service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), service
        assert host["Memory"], service
        assert host["PidsLimit"], service
        assert host["NanoCpus"], service
        assert host["RestartPolicy"]["Name"] == ("no" if service in ONCE else "unless-stopped"), service
        assert ("Health" in one["State"]) != (service in ONCE), service


def test_ports_are_published_on_loopback_only(cluster: Cluster) -> None:
    bindings = [
        binding
        for one in cluster.containers()
        for published_at in (one["NetworkSettings"]["Ports"] or {}).values()
        for binding in published_at or []
    ]
    assert len(bindings) == 7  # Airflow, JupyterLab, application, master twice, two workers
    assert {binding["HostIp"] for binding in bindings} == {LOOPBACK}


def secrets_of(cluster: Cluster) -> list[str]:
    """Every secret there is, from the volumes."""
    text = cluster.compose("run", "--rm", "--entrypoint", "sh", "secrets", "-c", PRINT_SECRETS)
    found = text.split()
    assert len(found) == 7
    return found


def test_no_secret_is_in_an_image_or_in_an_environment(cluster: Cluster) -> None:
    secrets = secrets_of(cluster)
    seen = json.dumps(cluster.containers())
    for image in {one["Image"] for one in cluster.containers()}:
        seen += docker("history", "--no-trunc", image) + docker("inspect", image)
    assert [secret[:4] for secret in secrets if secret in seen] == []
    in_images = docker("run", "--rm", "--entrypoint", "find", f"batch-predictions-airflow:{cluster.name}", "/secrets")
    assert set(in_images.split()) == {"/secrets", *(f"/secrets/{name}" for name in SECRET_VOLUMES)}


def test_images_hold_no_tools_to_build_with(cluster: Cluster) -> None:
    look = "command -v pip pip3 gcc make curl; python -c 'import pip' 2>/dev/null && echo pip; python3 --version"
    for name in ("spark", "airflow", "jupyter"):
        command = ["run", "--rm", "--entrypoint", "sh", f"batch-predictions-{name}:{cluster.name}", "-c", look]
        assert docker(*command).split() == ["Python", "3.11.2"], name


def application_environment(cluster: Cluster) -> str:
    """The environment page of the application whose page is on port 4040."""
    base = f"{cluster.url('SPARK_APPLICATION_PORT')}/{UI}"
    application = httpx.get(base, timeout=30, follow_redirects=True).json()[0]["id"]
    page = httpx.get(f"{base}/{application}/environment", timeout=30, follow_redirects=True)
    return str(page.raise_for_status().text)


def test_notebook_runs_on_the_cluster(cluster: Cluster) -> None:
    execute = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout", f"/workspace/{NOTEBOOK}"]
    with cluster.step("notebook"), ThreadPoolExecutor(1) as pool:
        executing = pool.submit(cluster.compose, "exec", "-T", "jupyter", *execute, seconds=400)
        shown = wait_for("environment page of the notebook", lambda: application_environment(cluster), 240)
        notebook = json.loads(executing.result())
    assert "spark://spark-master:7077" in shown
    assert [secret[:4] for secret in secrets_of(cluster) if secret in shown] == []
    outputs = json.dumps([cell.get("outputs", []) for cell in notebook["cells"]])
    assert "machines at work:       2" in outputs
    assert "92 rows, 4 of them errors" in outputs
    assert "missing: 0, twice: 0" in outputs


def test_worker_that_dies_costs_no_row(cluster: Cluster) -> None:
    with cluster.step("run with a worker killed"):
        run_id = trigger(cluster, {"source": "/pictures"})

        def predicting() -> bool:
            progress = cluster.json(f"runs/{run_of(cluster)}/progress.json")
            return bool(progress["rows_total"] > 92 and progress["workers"] == 2 and progress["state"] == "predicting")

        wait_for("predicting on two workers", predicting, 240)
        docker("kill", cluster.containers("spark-worker")[-1]["Id"])
        assert wait_until_over(cluster, run_id, 500) == "success"
    metrics = cluster.json(f"runs/{run_of(cluster)}/metrics.json")
    assert metrics["verdict"] == "valid"
    rows = published(cluster)
    assert len({row["img_path"] for row in rows}) == len(rows) == 4096
    assert {row["status"] for row in rows} == {"predicted"}


def test_workers_are_added_by_the_command_of_the_alert(cluster: Cluster) -> None:
    with cluster.step("scale to three"):
        cluster.up("--scale", "spark-worker=3")
        wait_for("three workers", lambda: len(cluster.workers()) == 3, 60)


def test_everything_is_there_again_after_a_stop(cluster: Cluster) -> None:
    before = [json.loads(line)["run_key"] for line in cluster.read("history.jsonl").splitlines()]
    password = cluster.login()[0]
    with cluster.step("down"):
        cluster.compose("down")
    with cluster.step("up again"):
        cluster.up()
    assert cluster.login()[0] == password
    assert [json.loads(line)["run_key"] for line in cluster.read("history.jsonl").splitlines()] == before
    with closing(cluster.api()) as api:
        manual = [run for run in api.runs() if run.run_type == "manual"]
    assert [run.state for run in manual] == ["success", "success"]


def test_down_leaves_nothing(cluster: Cluster) -> None:
    without_a_name = [
        mount for one in cluster.containers() for mount in one["Mounts"] if len(mount.get("Name", "")) == 64
    ]
    assert without_a_name == [], "volumes that only the first down -v would find"
    with cluster.step("down for good"):
        cluster.compose("down", "--volumes")
    mine = f"label=com.docker.compose.project={cluster.name}"
    assert docker("ps", "--all", "--quiet", "--filter", mine) == ""
    assert docker("volume", "ls", "--quiet", "--filter", mine) == ""
    assert docker("network", "ls", "--quiet", "--filter", mine) == ""
