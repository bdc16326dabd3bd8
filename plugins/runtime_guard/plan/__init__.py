"""The command that says how many workers a daily run needs: python -m runtime_guard.plan."""
