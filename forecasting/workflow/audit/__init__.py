"""The leak audit of a whole fitted pipeline, and of a user's own features or strategy."""
