"""Facts of the house itself: its lines, its imports, its docstrings, and what its tests cover and take."""
