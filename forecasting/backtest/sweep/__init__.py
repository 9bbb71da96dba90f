"""Many configurations of a strategy at once, and what the best of them is worth."""
