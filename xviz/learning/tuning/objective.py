"""What a tuned network learns: the weighted sum of MCL and CIT, one of them, or language modelling."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from xviz.learning.contrastive.objective import contrastive_loss, sentence_vectors
from xviz.learning.instruction.objective import summed_loss
from xviz.learning.tuning.networks import Tuned
from xviz.learning.tuning.spec import TuneSpec
from xviz.representations.capture import LayerCapture


class TuningObjective(nn.Module):
    """``weight_mcl * L_MCL + weight_cit * L_CIT`` of a batch; what is not in the batch is not in the sum."""

    def __init__(self, tuned: Tuned, spec: TuneSpec, *, packed: bool = False):
        super().__init__()
        self.network = tuned.network
        self.spec, self.packed = spec, packed
        self.capture: LayerCapture | None = None
        if spec.contrasts:
            # its hooks stay (they sleep outside a truncated pass): the gradient runs chunks a second time
            self.capture = LayerCapture(tuned.model, [spec.contrastive.layer]).__enter__()

    def forward(
        self,
        pair_ids: Int[Tensor, "sentences length"] | None = None,
        pair_mask: Int[Tensor, "sentences length"] | None = None,
        pair_weights: Float[Tensor, "sentences length"] | None = None,
        pair_place: Int[Tensor, " sentences"] | None = None,
        pair_keys: Int[Tensor, "2 pairs"] | None = None,
        row_ids: Int[Tensor, "sequences width"] | None = None,
        row_segments: Int[Tensor, "sequences width"] | None = None,
        row_positions: Int[Tensor, "sequences width"] | None = None,
        row_labels: Int[Tensor, "sequences width"] | None = None,
        row_share: Float[Tensor, ""] | None = None,
    ) -> Float[Tensor, ""]:
        """``pair_place``: where the sources, then the targets stand among the sentences. ``row_share``: one
        over the answer tokens of a batch, on the average of the step."""
        losses = []
        if pair_ids is not None:
            loss = self.contrastive(pair_ids, pair_mask, pair_weights, pair_place, pair_keys)  # type: ignore[arg-type]
            losses.append(self.spec.contrastive.weight * loss)
        if row_ids is not None and row_share is not None:
            summed = summed_loss(
                self.network,
                row_ids,
                row_segments,  # type: ignore[arg-type]
                row_positions,  # type: ignore[arg-type]
                row_labels,  # type: ignore[arg-type]
                packed=self.packed,
            )
            weight = self.spec.instruction.weight if self.spec.instructs else 1.0
            losses.append(weight * summed * row_share)
        return torch.stack(losses).sum()

    def close(self) -> None:
        """Take the hooks away."""
        if self.capture is not None:
            self.capture.__exit__()

    def contrastive(
        self, ids: Tensor, mask: Tensor, weights: Tensor, place: Tensor, keys: Tensor
    ) -> Float[Tensor, ""]:
        """L_MCL of a batch."""
        assert self.capture is not None
        settings = self.spec.contrastive
        vectors = sentence_vectors(self.capture, ids, mask, weights, cached=settings.cached)[place]
        x, y = vectors.chunk(2)
        return contrastive_loss(
            x, y, keys, temperature=settings.temperature, both=settings.directions == "both"
        )
