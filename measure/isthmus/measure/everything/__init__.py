"""Every measurement that README and docs quote, in one go."""
