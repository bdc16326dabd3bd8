"""Which alert a run gives cause for, and what the alert says."""
