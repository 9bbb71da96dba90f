"""What the account needs of the market, bar by bar, from a panel of prices."""
