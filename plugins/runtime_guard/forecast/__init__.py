"""When a run will finish, how sure that is, and how many workers it needs. No Airflow, no clock, no files."""
