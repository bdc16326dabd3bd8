"""Airflow's REST API, as far as a run needs it."""

from __future__ import annotations

import time
from typing import Any

import httpx

DAG_ID = "batch_predictions"
ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.5


class ApiError(Exception):
    """The API refused a call; its own words in one line."""


class AirflowApi:
    """A client that logs in at its first call."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS)
        self._login = {"username": user, "password": password}

    def close(self) -> None:
        self._client.close()

    def not_ready(self) -> str:
        """The part of Airflow that is not up yet, or nothing; the DAG counts as one."""
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

    def trigger(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.call("POST", f"/api/v2/dags/{DAG_ID}/dagRuns", {"logical_date": None, "conf": params})

    def runs(self) -> list[dict[str, Any]]:
        return list(self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns?order_by=-run_after")["dag_runs"])

    def unfinished_runs(self) -> list[dict[str, Any]]:
        """Runs that are queued or running, the newest first."""
        return [run for run in self.runs() if run["state"] in ("queued", "running")]

    def give_up(self, run_id: str) -> None:
        self.call("PATCH", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}", {"state": "failed"})

    def run(self, run_id: str) -> dict[str, Any]:
        return self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}")

    def task_states(self, run_id: str) -> dict[str, str | None]:
        tasks = self.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in tasks}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON of the answer. Raises ApiError when it is a refusal, httpx.HTTPError when there is none."""
        if "Authorization" not in self._client.headers:
            answer = self._client.post("/auth/token", json=self._login)
            if answer.is_error:
                raise ApiError(f"Airflow refused the login ({answer.status_code})")
            self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        answer = self._ask(method, path, body)
        if answer.is_error:
            raise ApiError(_explain(answer))
        result: dict[str, Any] = answer.json()
        return result

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Asks again for a while when the server has failed: its database may be held by another part of Airflow.

        A POST is asked once, for it might have been done all the same.
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
