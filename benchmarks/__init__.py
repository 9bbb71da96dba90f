"""Measurements that anyone can repeat: each script prints a table, or JSON with `--json`."""
