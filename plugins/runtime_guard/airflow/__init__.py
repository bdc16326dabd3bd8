"""All of the guard that depends on Airflow: sensor, trigger, deadline alert, schedule, connection of the channels."""
