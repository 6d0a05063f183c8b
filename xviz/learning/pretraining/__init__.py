"""Small multilingual networks from plain text: tokenizer, corpus, network, recipe."""
