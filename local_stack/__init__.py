"""The whole product on one machine: a Spark standalone master with workers, and Airflow, all on loopback."""
