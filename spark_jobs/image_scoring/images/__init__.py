"""Turn the file of an image into the array that a model takes: read, decode, resize, scale."""
