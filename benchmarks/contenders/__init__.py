"""One file for each way to do the job; each has `predict(job)` and can be copied from."""
