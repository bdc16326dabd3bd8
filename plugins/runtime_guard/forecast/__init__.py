"""When a run will finish, how certain that is, and how many workers it needs. No Airflow, no clock, no files."""
