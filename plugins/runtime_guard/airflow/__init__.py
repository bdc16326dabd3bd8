"""Everything of the guard that knows Airflow: sensor, trigger, deadline alert, schedule and channels."""
