"""One cash account: orders, fills, costs, interest, dividends, and the ledger of it all."""
