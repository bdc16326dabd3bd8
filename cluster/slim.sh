#!/bin/sh
# Removes the files of an installation that only compilers, test suites and other hardware need.
# $1: the prefix, as in /opt/driver.
set -eu
site=$1/lib/python3.11/site-packages

find "$site" -type d \( -name tests -o -name test \) \( -path '*/pandas/*' -o -path '*/numpy/*' -o -path '*/pyarrow/*' \
    -o -path '*/h5py/*' -o -path '*/matplotlib/*' -o -path '*/scipy/*' -o -path '*/sklearn/*' \) -prune -exec rm -rf {} +
rm -rf "$site/tensorflow/include" "$site/pyarrow/include" "$site/clang" # C headers and their parser
rm -rf "$site/pyspark/examples" "$site/pyspark/data"
# No container here has a GPU or an NPU.
rm -f "$site"/openvino/libs/libopenvino_intel_gpu_plugin.so "$site"/openvino/libs/libopenvino_intel_npu_plugin*.so \
    "$site"/openvino/libs/cache.json
