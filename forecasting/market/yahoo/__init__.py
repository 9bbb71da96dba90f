"""Yahoo behind one adapter: when to ask, what to ask, and what the answers mean."""
