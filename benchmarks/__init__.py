"""Side-by-side speed and memory, run by ``make bench``."""
