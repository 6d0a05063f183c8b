"""Learning to carry concepts to languages that took no part (paper A; METHODS.md section 4)."""
