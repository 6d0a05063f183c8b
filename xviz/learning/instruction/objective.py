"""Cross-lingual instruction tuning (CIT): the loss of the answers, end of text included.

    L = -(1/T) sum over answer tokens t of log p(token_t | what stands before it in its row)

T is the number of answer tokens of the whole step, over accumulated batches and processes, so that long and
short batches weigh as their tokens do. Several rows are packed into one sequence and kept apart: a token
attends to its own row alone, and positions begin anew in each row. A network that can't be told so (BLOOM's
positions come from the padding mask) is found out by asking it (:func:`keeps_rows_apart`), and gets a row a
sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from xviz.learning.tuning.tokens import Tokens

IGNORED = -100
CHUNK = 256
MULTIPLE = 8  # widths are multiples of this: few shapes, which processors like


def pack(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Rows dealt into sequences of at most ``width`` tokens: the longest first, each where it first fits."""
    sequences: list[list[int]] = []
    room: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        place = next((s for s, left in enumerate(room) if lengths[row] <= left), None)
        if place is None:
            place = len(room)
            sequences.append([])
            room.append(width)
        sequences[place].append(row)
        room[place] -= lengths[row]
    return sequences


def row_tensors(
    rows: Sequence[Tokens], *, pad: int, width: int, packed: bool
) -> dict[str, Int[Tensor, "sequences width"]]:
    """Ids, segments (1, 2, ... the row of a sequence, 0 padding), positions, labels.

    A label stands where the token before it is, -100 where nothing is asked.
    """
    dealt = pack([len(row) for row in rows], width) if packed else [[row] for row in range(len(rows))]
    longest = max((sum(len(rows[row]) for row in sequence) for sequence in dealt), default=1)
    shape = (len(dealt), -(-longest // MULTIPLE) * MULTIPLE)
    ids = np.full(shape, pad, dtype=np.int64)
    segments, positions = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    for s, sequence in enumerate(dealt):
        start = 0
        for number, row in enumerate(sequence, start=1):
            tokens, stop = rows[row], start + len(rows[row])
            ids[s, start:stop], segments[s, start:stop] = tokens.ids, number
            positions[s, start:stop] = np.arange(len(tokens))
            labels[s, start : stop - 1] = np.where(tokens.own[1:], tokens.ids[1:], IGNORED)
            start = stop
    arrays = {"ids": ids, "segments": segments, "positions": positions, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def summed_loss(
    network: PreTrainedModel,
    ids: Int[Tensor, "sequences width"],
    segments: Int[Tensor, "sequences width"],
    positions: Int[Tensor, "sequences width"],
    labels: Int[Tensor, "sequences width"],
    *,
    packed: bool,
) -> Float[Tensor, ""]:
    """Negative log-likelihood in nats, summed over the labels.

    Only states that are asked go through the output layer, a few hundred at a time, and their logits are
    computed again for the gradient: memory does not grow with targets x vocabulary.
    """
    hidden = _hidden(network, ids, segments, positions, packed=packed)
    asked = labels != IGNORED
    states, wanted = hidden[asked], labels[asked]
    layer = network.get_output_embeddings()
    cap = getattr(network.config.get_text_config(), "final_logit_softcapping", None)  # Gemma 2

    def chunk_loss(states: Tensor, wanted: Tensor) -> Tensor:
        logits = layer(states).float()
        if cap:
            logits = cap * torch.tanh(logits / cap)
        return cross_entropy(logits, wanted, reduction="sum")

    total = hidden.new_zeros((), dtype=torch.float32)
    for part in zip(states.split(CHUNK), wanted.split(CHUNK), strict=True):
        if torch.is_grad_enabled():
            total = total + checkpoint(chunk_loss, *part, use_reentrant=False, preserve_rng_state=False)
        else:
            total = total + chunk_loss(*part)
    return total


def _hidden(
    network: PreTrainedModel, ids: Tensor, segments: Tensor, positions: Tensor, *, packed: bool
) -> Float[Tensor, "sequences width dim"]:
    """Last hidden states; rows of one sequence don't see one another."""
    if not packed:
        mask = (segments > 0).long()
        return network.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return network.base_model(
        input_ids=ids,
        attention_mask=_apart(network, segments),
        position_ids=positions,
        use_cache=False,
    ).last_hidden_state


def _apart(network: PreTrainedModel, segments: Int[Tensor, "sequences width"]) -> Tensor | dict[str, Tensor]:
    """Who sees whom ``[sequences, 1, width, width]``: earlier tokens of the own row, padding sees padding.

    A mask for each kind of layer where some see a window only.
    """
    config = network.config.get_text_config()
    seen = (segments[:, :, None] == segments[:, None, :]).tril()[:, None]

    def as_wanted(seen: Tensor) -> Tensor:
        if network.config._attn_implementation == "sdpa":
            return seen
        return torch.zeros_like(seen, dtype=network.dtype).masked_fill(~seen, torch.finfo(network.dtype).min)

    if "sliding_attention" not in (getattr(config, "layer_types", None) or ()):
        return as_wanted(seen)
    near = seen.triu(1 - config.sliding_window)
    return {"full_attention": as_wanted(seen), "sliding_attention": as_wanted(near)}


@torch.no_grad()
def keeps_rows_apart(network: PreTrainedModel) -> bool:
    """Whether two rows in one sequence get the states that each gets alone (asked, on a short input)."""
    training = network.training
    network.eval()
    device = network.device
    pieces = int(network.get_input_embeddings().weight.shape[0])  # type: ignore[arg-type, index]
    rows = torch.arange(5, 13, device=device)[None] % pieces
    segments = torch.tensor([[1, 1, 1, 2, 2, 2, 2, 2]], device=device)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4]], device=device)
    try:
        together = _hidden(network, rows, segments, positions, packed=True)[0]
        alone = [
            _hidden(network, row, torch.ones_like(row), torch.zeros_like(row), packed=False)[0]
            for row in (rows[:, :3], rows[:, 3:])
        ]
        return torch.allclose(together, torch.cat(alone), rtol=1e-3, atol=1e-4)
    except (RuntimeError, TypeError, ValueError, IndexError):  # no such mask, no such argument
        return False
    finally:
        network.train(training)
