"""Plots as SVG text, for the pages and the report. Pure: no file, no clock."""
