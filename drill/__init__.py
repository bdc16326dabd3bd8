"""Faults in real runs on the local cluster: which alerts are raised, how early, and whether they are right."""
