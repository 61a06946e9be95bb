"""What a run returns, is recorded as, stored as and read out as."""
