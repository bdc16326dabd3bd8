"""What runs in Spark's Python workers: the Pandas UDF, the scorers and the preflight."""
