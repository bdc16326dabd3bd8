"""Give Airflow a home of its own before it is imported: it reads and writes there at once."""

from __future__ import annotations

import tempfile

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
    import airflow.configuration  # noqa: F401 (imported for what it reads)
