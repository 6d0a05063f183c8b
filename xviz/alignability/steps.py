"""How the store is filled: sums, alignability tables, sentence-level scores."""

from __future__ import annotations

from xviz.alignability.compute import compute_alignments
from xviz.alignability.overlap import compute_overlaps
from xviz.alignability.sentences import compute_retrievals
from xviz.alignability.sums import compute_sums

__all__ = ["compute_alignments", "compute_overlaps", "compute_retrievals", "compute_sums"]
