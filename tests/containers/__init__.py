"""Machines that have nothing but what the README asks for."""
