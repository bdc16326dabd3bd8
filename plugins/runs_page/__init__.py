"""The pages of the runs in Airflow's web UI: a run while it goes and after it, and all runs over time.

Every process of Airflow imports this module, with the plugin, and only the API server needs what is in the others: so
they are imported at the first request.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

URL_PREFIX = "/batch-predictions"

# Without a slash before it an address is below that of Airflow, wherever that is.
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
    # In a thread: the API server would answer nobody else for the seconds that the imports take.
    module = await asyncio.to_thread(import_module, "runs_page.app")
    await module.app(scope, receive, send)
