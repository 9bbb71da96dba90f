"""Folds: which bars are trained on, validated on and tested on, again and again through time."""
