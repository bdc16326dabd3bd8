"""The pages of the runs."""
