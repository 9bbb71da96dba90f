"""From a network source into the store: many tickers, paced, resumable."""
