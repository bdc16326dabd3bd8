"""The model: its spec, the safety check, conversion, engines and precisions."""
