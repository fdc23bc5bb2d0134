"""What the edge half of a network that was cut costs: its time beside its share, in floats and in integers."""
