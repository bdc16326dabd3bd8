"""make bench: the same job in several ways, measured side by side on this machine."""
