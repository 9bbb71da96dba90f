"""Rules of trading that see what is held: between a strategy's targets and its account."""
