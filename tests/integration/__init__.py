"""The product as people use it: make, real Airflow, real Spark, real HTTP."""
