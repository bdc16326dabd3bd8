"""The run against its interval: budget, forecast, and the sensor that watches while the run goes."""
