"""What the orchestrator, the prediction job, the sensor and the pages agree on. Standard library only."""
