"""What goes on inside a network while it reads prices: memory, selectivity, experts, attention."""
