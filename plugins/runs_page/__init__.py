"""The pages in Airflow's web UI: one run during and after it, its gallery, and all runs over time.

Every process of Airflow imports this module with the plugin. Only the API server needs the other modules, so they are
imported at the first request.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

URL_PREFIX = "/batch-predictions"

# Without a leading slash an address is relative to Airflow's own, wherever that is.
_DAG = f"{URL_PREFIX[1:]}/dags"
VIEWS = [
    {
        "name": "Batch predictions",
        "href": f"{_DAG}/batch_predictions/history",
        "destination": "nav",
        "category": "browse",
        "url_route": "batch-predictions",
    },
    {
        "name": "Predictions",
        "href": f"{_DAG}/{{DAG_ID}}/history",
        "destination": "dag",
        "url_route": "predictions-history",
    },
    {
        "name": "Predictions",
        "href": f"{_DAG}/{{DAG_ID}}/runs/{{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "predictions",
    },
]


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application that Airflow's API server mounts."""
    # In a thread: the imports take seconds, in which the API server could not answer other requests.
    module = await asyncio.to_thread(import_module, "runs_page.app")
    await module.app(scope, receive, send)
