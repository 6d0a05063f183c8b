"""Loaded by every Python whose PYTHONPATH names this folder: adds the toy steps to the kinds of results."""

from xviz.runs.steps import STEPS, Step

STEPS["slow"] = Step("toy_steps:Slow", "toy_steps:count_slowly")
STEPS["trained"] = Step("toy_steps:Trained", "toy_steps:train_toys", together=True)
