"""Tests mirror the source; what starts Spark, Airflow, a browser or a container is marked slow."""
