"""Multilingual contrastive learning: translations are drawn together, all else apart."""
