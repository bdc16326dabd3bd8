"""Which alerts a run gives cause for, what they say, and how they are sent. No Airflow, no clock."""
