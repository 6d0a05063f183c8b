"""Tuning a network by both objectives, with its arms and controls."""
