#!/bin/sh
# Starts JupyterLab on the shared workspace, with copies of the notebooks to edit. Existing copies are kept.
set -eu
mkdir -p /workspace/notebooks "$IPYTHONDIR/profile_default"
cp /opt/batch-predictions/ipython/ipython_kernel_config.py "$IPYTHONDIR/profile_default/"
for notebook in /opt/batch-predictions/notebooks/*.ipynb; do
    [ -e "/workspace/notebooks/$(basename "$notebook")" ] || cp "$notebook" /workspace/notebooks/
done
exec jupyter lab --no-browser --ip 0.0.0.0 --port 8889 --ServerApp.root_dir=/workspace
