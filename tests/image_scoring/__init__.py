"""Tests of spark_jobs/image_scoring."""
