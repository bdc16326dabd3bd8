"""Tests of plugins/runtime_guard."""
