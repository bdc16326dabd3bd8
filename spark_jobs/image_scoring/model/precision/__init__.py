"""Precisions lower than f32: quantization, and measurements of their accuracy and cost."""
