"""What the two families learn: to guess masked tokens, to guess the next token.

Masked language modelling after Devlin et al. (2019); over two concatenated translations it is translation
language modelling (Conneau & Lample, 2019), where the positions of the second text start at 0 again, so that
a token finds its translation by content. Causal language modelling: token t + 1 from the tokens up to t.

The number of guessed tokens of a batch is fixed (constant shapes are fast on CPUs), and only their hidden
states go through the output layer, whose matrix is the largest of a small network.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from xviz.learning.loop import Batch
from xviz.learning.pretraining.corpus import Packed
from xviz.learning.pretraining.networks import output_layer

IGNORED = -100
CHUNK = 128


class MaskedLanguageModelling(nn.Module):
    """Mean negative log-likelihood, in nats, of the tokens that were there at ``places``."""

    def __init__(self, network: PreTrainedModel):
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: Int[Tensor, "rows width"],
        attention_mask: Int[Tensor, "rows width"],
        position_ids: Int[Tensor, "rows width"],
        places: Int[Tensor, " targets"],
        labels: Int[Tensor, " targets"],
    ) -> Float[Tensor, ""]:
        """``places`` count through the batch row by row; where a label is -100 nothing is asked."""
        hidden = self.network.base_model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids
        ).last_hidden_state
        return mean_loss(self.network, hidden.flatten(0, 1)[places], labels)


class CausalLanguageModelling(nn.Module):
    """Mean negative log-likelihood, in nats, of each next token."""

    def __init__(self, network: PreTrainedModel):
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: Int[Tensor, "rows width"],
        attention_mask: Int[Tensor, "rows width"],
        places: Int[Tensor, " targets"],
        labels: Int[Tensor, " targets"],
    ) -> Float[Tensor, ""]:
        """The state at ``places`` (counted through the batch row by row) guesses the token after it."""
        hidden = self.network.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return mean_loss(self.network, hidden.flatten(0, 1)[places], labels)


def mean_loss(
    network: PreTrainedModel, hidden: Float[Tensor, "targets width"], labels: Int[Tensor, " targets"]
) -> Float[Tensor, ""]:
    """Cross-entropy over the vocabulary, a few hundred targets at a time.

    The logits of a chunk stay in the processor's cache and are computed again for the gradient, so memory
    does not grow with targets x vocabulary.
    """
    layer = output_layer(network)

    def chunk_loss(states: Tensor, wanted: Tensor) -> Tensor:
        return cross_entropy(layer(states).float(), wanted, ignore_index=IGNORED, reduction="sum")

    total = hidden.new_zeros((), dtype=torch.float32)
    for states, wanted in zip(hidden.split(CHUNK), labels.split(CHUNK), strict=True):
        if torch.is_grad_enabled():
            total = total + checkpoint(
                chunk_loss, states, wanted, use_reentrant=False, preserve_rng_state=False
            )
        else:
            total = total + chunk_loss(states, wanted)
    return total / (labels != IGNORED).sum().clamp(min=1)


def masked_batch(
    rows: Int[np.ndarray, "rows lines"],
    width: int,
    packed: Packed,
    *,
    share: float,
    targets: int,
    special: dict[str, int],
    vocabulary: range,
    rng: np.random.Generator,
) -> Batch:
    """Rows ``<s> a </s>`` or ``<s> a </s> b </s>`` with some tokens hidden.

    Args:
        rows: texts, or pairs of texts.
        width: tokens a row, padding included.
        packed: where the lines are.
        share: of the batch's own tokens, at most, to be guessed.
        targets: length of ``places`` and ``labels``; the same for every batch.
        special: numbers of ``bos``, ``eos``, ``pad``, ``mask``.
        vocabulary: tokens that may take the place of another.
        rng: chooses what is guessed; of it 80 % is masked, 10 % replaced, 10 % left.
    """
    ids, mask, positions = _frame(rows, width, packed, special)
    own = np.flatnonzero(_own_tokens(ids, mask, special))
    count = min(targets, max(1, round(share * len(own))))
    places = np.sort(rng.choice(own, size=count, replace=False))
    flat = ids.reshape(-1)
    labels = flat[places].astype(np.int64)
    fate = rng.random(count)
    flat[places] = np.where(
        fate < 0.8,
        special["mask"],
        np.where(fate < 0.9, rng.integers(vocabulary.start, vocabulary.stop, size=count), labels),
    )
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    inputs |= _fixed(places, labels, targets)
    tensors = {name: torch.from_numpy(x) for name, x in inputs.items()}
    return Batch(tensors, targets=count, tokens=int(mask.sum()))


def causal_batch(
    rows: Int[np.ndarray, "rows lines"], width: int, packed: Packed, *, targets: int, special: dict[str, int]
) -> Batch:
    """Rows ``<s> a </s>``; every token but the first is guessed from those before it."""
    ids, mask, _ = _frame(rows, width, packed, special)
    asked = mask.copy()
    asked[:, :-1] = mask[:, 1:]  # a state guesses if a token follows it
    asked[:, -1] = 0
    places = np.flatnonzero(asked)
    labels = ids.reshape(-1)[places + 1]
    inputs = {"input_ids": ids, "attention_mask": mask} | _fixed(places, labels, targets)
    return Batch(
        {name: torch.from_numpy(x) for name, x in inputs.items()}, targets=len(places), tokens=int(mask.sum())
    )


def _frame(
    rows: Int[np.ndarray, "rows lines"], width: int, packed: Packed, special: dict[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, attention mask and positions ``[rows, width]``, padded on the right, cut at the width."""
    ids = np.full((len(rows), width), special["pad"], dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    positions = np.zeros((len(rows), width), dtype=np.int64)
    for r, row in enumerate(rows):
        ids[r, 0] = special["bos"]
        end = 1
        for n, line in enumerate(row):
            room = width - end - (len(row) - n)  # every text ends with one token
            text = packed.line(line)[:room]
            stop = end + len(text) + 1
            ids[r, end : stop - 1] = text
            ids[r, stop - 1] = special["eos"]
            positions[r, end:stop] = np.arange(1 if n == 0 else 0, stop - end + (1 if n == 0 else 0))
            end = stop
        mask[r, :end] = 1
    return ids, mask, positions


def _own_tokens(ids: np.ndarray, mask: np.ndarray, special: dict[str, int]) -> np.ndarray:
    """True for tokens of a text, False for padding and the special tokens around it."""
    return (mask == 1) & ~np.isin(ids, list(special.values()))


def _fixed(places: np.ndarray, labels: np.ndarray, targets: int) -> dict[str, np.ndarray]:
    """Places and labels at the fixed length; what is filled up asks nothing."""
    fill = targets - len(places)
    return {
        "places": np.pad(places, (0, fill)),
        "labels": np.pad(labels, (0, fill), constant_values=IGNORED),
    }
