"""Airflow uses AIRFLOW_HOME as soon as it is imported: the tests set a directory of their own."""

from __future__ import annotations

import tempfile

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
    import airflow.configuration  # noqa: F401 (imported for what it reads)
