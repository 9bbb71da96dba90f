"""From windows to a tracked model folder: Lightning trains, MLflow remembers."""
