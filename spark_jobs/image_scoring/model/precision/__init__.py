"""Lower precisions than f32: quantization, and how far each can be trusted."""
