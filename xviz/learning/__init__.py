"""Learning: one training loop, and what is trained with it."""
