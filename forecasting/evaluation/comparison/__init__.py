"""Comparisons: which differences between forecasters are more than luck."""
