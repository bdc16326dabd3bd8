"""Will a run finish within its interval? Forecasts, alerts, and the sensor that watches a run in progress."""
