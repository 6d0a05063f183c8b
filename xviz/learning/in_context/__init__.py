"""Labelling words in context: a decoder reads labelled sentences and labels others (METHODS, section 4)."""
