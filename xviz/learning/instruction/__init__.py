"""Cross-lingual instruction tuning: rows, the builder that mixes languages, the objective."""
