"""Give Airflow, which reads and writes AIRFLOW_HOME when it is imported, a temporary one instead of the user's."""

from __future__ import annotations

import tempfile

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
    import airflow.configuration  # noqa: F401 (imported so that it reads AIRFLOW_HOME now)
