"""Folds: which rows are trained on and which are tested on, proved from the index arrays."""
