"""What may be said of an account: its statistics, their intervals, and the part of luck."""
