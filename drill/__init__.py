"""Faults in real runs on the local cluster: what the watch says, how early, and whether it was right."""
