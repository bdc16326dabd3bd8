"""From the bytes of an image to the array that a model takes: read, decode, resize, scale."""
