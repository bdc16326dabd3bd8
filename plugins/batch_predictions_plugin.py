"""What this project adds to Airflow: the only AirflowPlugin subclass."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from runs_page import URL_PREFIX, VIEWS, serve
from runtime_guard.airflow.deadline_alert import RunDeadline


class BatchPredictionsPlugin(AirflowPlugin):
    name = "batch_predictions"
    deadline_references: ClassVar = [RunDeadline]
    fastapi_apps: ClassVar = [{"app": serve, "url_prefix": URL_PREFIX, "name": "Batch predictions"}]
    external_views: ClassVar = VIEWS
