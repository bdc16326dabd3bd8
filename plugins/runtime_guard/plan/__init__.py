"""The command that plans how many workers a regular run needs: python -m runtime_guard.plan."""
