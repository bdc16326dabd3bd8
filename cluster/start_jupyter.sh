#!/bin/sh
# JupyterLab on the shared workspace, with our notebooks in it to be changed at will; those that are there stay.
set -eu
mkdir -p /workspace/notebooks "$IPYTHONDIR/profile_default"
cp /opt/batch-predictions/ipython/ipython_kernel_config.py "$IPYTHONDIR/profile_default/"
for notebook in /opt/batch-predictions/notebooks/*.ipynb; do
    [ -e "/workspace/notebooks/$(basename "$notebook")" ] || cp "$notebook" /workspace/notebooks/
done
exec jupyter lab --no-browser --ip 0.0.0.0 --port 8889 --ServerApp.root_dir=/workspace
