"""A client of the part of Airflow's REST API that a run needs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

DAG_ID = "batch_predictions"
ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.5


class ApiError(Exception):
    """The API refused a call. Its message in one line."""


@dataclass(frozen=True)
class DagRun:
    """A run of the DAG. due: its logical date, or for a run without one when it may start at the earliest."""

    run_id: str
    run_type: str
    state: str
    due: datetime
    conf: Mapping[str, Any]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> DagRun:
        due = datetime.fromisoformat(content["logical_date"] or content["run_after"])
        return cls(content["dag_run_id"], content["run_type"], content["state"], due, content["conf"])

    @property
    def is_unfinished(self) -> bool:
        return self.state in ("queued", "running")


class AirflowApi:
    """A client that logs in at its first call."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS)
        self._login = {"username": user, "password": password}

    def close(self) -> None:
        self._client.close()

    def not_ready(self) -> str:
        """Return the part of Airflow that is not up yet, or nothing. The DAG counts as a part."""
        try:
            health = self._client.get("/api/v2/monitor/health").json()
            for part in ("metadatabase", "scheduler", "dag_processor", "triggerer"):
                if (health.get(part) or {}).get("status") != "healthy":
                    return f"Airflow's {part}"
            self.call("GET", f"/api/v2/dags/{DAG_ID}/details")
        except (httpx.HTTPError, ValueError):
            return "Airflow's API server"
        except ApiError:
            return f"the DAG {DAG_ID}"
        return ""

    def unpause(self) -> None:
        self.call("PATCH", f"/api/v2/dags/{DAG_ID}", {"is_paused": False})

    def trigger(self, params: Mapping[str, Any]) -> DagRun:
        """Start a run with these Params."""
        body = {"logical_date": None, "conf": dict(params)}
        return DagRun.from_json(self.call("POST", f"/api/v2/dags/{DAG_ID}/dagRuns", body))

    def runs(self) -> list[DagRun]:
        """Return all runs, the newest first."""
        listed = self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns?order_by=-run_after")["dag_runs"]
        return [DagRun.from_json(content) for content in listed]

    def unfinished_runs(self) -> list[DagRun]:
        """Return the runs that are queued or running, the newest first."""
        return [run for run in self.runs() if run.is_unfinished]

    def give_up(self, run_id: str) -> None:
        """Mark a run as failed."""
        self.call("PATCH", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}", {"state": "failed"})

    def run(self, run_id: str) -> DagRun:
        return DagRun.from_json(self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}"))

    def task_states(self, run_id: str) -> dict[str, str | None]:
        tasks = self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON of the response. Raises ApiError for a refusal, httpx.HTTPError when there is no response."""
        if "Authorization" not in self._client.headers:
            answer = self._client.post("/auth/token", json=self._login)
            if answer.is_error:
                raise ApiError(f"Airflow refused the login ({answer.status_code})")
            self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        answer = self._request(method, path, body)
        if answer.is_error:
            raise ApiError(_explain(answer))
        result: dict[str, Any] = answer.json()
        return result

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Send the request again for a while when the server fails: another part of Airflow may lock its database.

        A POST is sent once, because the server may have done it before it failed.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        answer = self._client.request(method, path, json=body)
        while answer.is_server_error and method != "POST" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            answer = self._client.request(method, path, json=body)
        return answer


def _explain(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError):
        detail = answer.reason_phrase
    return " ".join(str(detail).split())
