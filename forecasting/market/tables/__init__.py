"""Features of a panel as one table, in memory or mapped from disk."""
