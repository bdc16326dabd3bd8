"""Tests of dags/batch_predictions."""
