"""The records of a run, one module for each task that writes them. docs/data-contract.md describes the files."""
