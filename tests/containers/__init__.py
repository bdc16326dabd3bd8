"""Machines that have only what the README requires."""
