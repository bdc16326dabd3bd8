"""The model: its spec, whether it is safe to load, conversion, inference engines and precisions."""
