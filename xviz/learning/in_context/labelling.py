"""Label sentences with a decoder in context, many at a time.

The demonstrations are read once and their key-value cache is shared by all sentences (and by all batches).
Then sentences go on side by side, word by word: each step feeds the label that was chosen for the word
before, the word and the joiner, padded on the right within the batch; padded places are masked for good and
take no position. So every number equals that of one sentence alone without a cache, but for rounding.

Two readings of the place after the joiner, where a label is due:

- plain: ``score(k) = sum_t log p(token t of label k | all before)``, over all tokens of the label;
- aligned: a function of the hidden state of one layer there (the Φ of :mod:`xviz.learning.meta`, trained on
  states that this module collects with the true labels fed back), so that concepts are read where they lie,
  whatever the labels are called.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.errors import Cancelled, InputError
from xviz.journal import SILENT, Journal
from xviz.learning.in_context.prompts import USUAL, Demonstration, Style, prefix

Reading = Callable[[Float[Tensor, "rows dim"]], Float[Tensor, "rows labels"]]
"""From hidden states to scores of the labels."""


@dataclass(frozen=True)
class Labelled:
    """One sentence: the label of each word (an index), all scores, and states where they were asked for."""

    predicted: Int[np.ndarray, " words"]
    scores: Float[np.ndarray, "words labels"]
    states: Float[np.ndarray, "words dim"] | None = None


class Labeller:
    """A causal language model that labels words in context.

    Args:
        network: a transformer with its language-modelling head, in evaluation mode, called as transformers
            call theirs (``input_ids, attention_mask, position_ids, past_key_values, use_cache``).
        encode: text to token ids, without special tokens. Pieces of a prompt are encoded one by one, so no
            space may be put before them (byte-level tokenizers put none).
        start: token ids put before every prompt (BOS, or none).
        labels: what the labels are called; their order is that of scores.
        longest: positions that the network has.
    """

    def __init__(
        self,
        network: Any,
        encode: Callable[[str], list[int]],
        labels: Sequence[str],
        *,
        start: Sequence[int] = (),
        longest: int | None = None,
        style: Style = USUAL,
    ):
        self.network, self.encode, self.labels, self.style = network, encode, tuple(labels), style
        self._start, self._longest = list(start), longest
        self._pieces = [encode(label) for label in labels]
        if len({tuple(pieces) for pieces in self._pieces}) < len(labels) or not all(self._pieces):
            raise InputError("Two labels are written with the same tokens (or none); give them other names.")

    @torch.inference_mode()
    def label(
        self,
        demonstrations: Sequence[Demonstration],
        sentences: Sequence[Sequence[str]],
        *,
        true: Sequence[Sequence[int]] | None = None,
        reading: Reading | None = None,
        layer: int | None = None,
        batch: int = 16,
        journal: Journal = SILENT,
    ) -> list[Labelled]:
        """Label every word of ``sentences`` after ``demonstrations``.

        Args:
            true: label indices that are fed back instead of what was chosen (to collect states for training).
            reading: of the hidden state of ``layer``; None: plain.
            layer: whose states are read or collected; 0 is the embeddings.

        Raises:
            InputError: a prompt is longer than the network reads, or a reading has no layer.
            Cancelled: the journal asked to stop.
        """
        if reading is not None and layer is None:
            raise InputError("An aligned reading wants the layer whose hidden states it reads.")
        shared = [*self._start, *self.encode(prefix(demonstrations, self.style))]
        memory = self._read(shared)
        found: list[Labelled] = []
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        for first in range(0, len(order), batch):
            if journal.stop_requested():
                raise Cancelled("In-context labelling was stopped; nothing of it was kept.")
            chosen = order[first : first + batch]
            found += self._side_by_side(
                memory,
                shared,
                [sentences[i] for i in chosen],
                [true[i] for i in chosen] if true is not None else None,
                reading,
                layer,
            )
            journal.progress(min(first + batch, len(order)), len(order), unit="sentences")
        back = np.argsort(order)
        return [found[i] for i in back]

    def _read(self, ids: Sequence[int]) -> Any:
        """The cache after reading ``ids``, or None where there is nothing to share."""
        if not ids:
            return None
        tokens = torch.tensor([ids])
        return self._forward(
            tokens, torch.ones_like(tokens), torch.arange(len(ids))[None], None
        ).past_key_values

    def _side_by_side(
        self,
        memory: Any,
        shared: Sequence[int],
        sentences: Sequence[Sequence[str]],
        true: Sequence[Sequence[int]] | None,
        reading: Reading | None,
        layer: int | None,
    ) -> list[Labelled]:
        rows = len(sentences)
        cache = copy.deepcopy(memory)
        if cache is not None:
            cache.batch_repeat_interleave(rows)
        mask = torch.ones(rows, len(shared), dtype=torch.long)
        scores: list[list[Tensor]] = [[] for _ in sentences]
        states: list[list[Tensor]] = [[] for _ in sentences]
        last: list[list[int]] = [self.encode(self.style.opening(words)) for words in sentences]
        for place in range(max(map(len, sentences))):
            there = [place < len(words) for words in sentences]
            feed = [
                [*before, *self.encode(self.style.word(words, place))] if on else []
                for before, words, on in zip(last, sentences, there, strict=True)
            ]
            tokens, fresh = _right_padded(feed)
            mask = torch.cat([mask, fresh], 1)
            if self._longest is not None and int(mask.sum(1).max()) > self._longest:
                raise InputError(
                    f"A prompt has more than the {self._longest} tokens that the network reads; "
                    "give fewer demonstrations or shorter sentences."
                )
            positions = (mask.cumsum(1) - 1)[:, -tokens.shape[1] :].clamp(min=0)
            output = self._forward(tokens, mask, positions, cache, states=layer is not None)
            cache = output.past_key_values
            ends = fresh.sum(1).clamp(min=1) - 1
            here = torch.arange(rows)
            state = output.hidden_states[layer][here, ends].float() if layer is not None else None
            if reading is not None:
                assert state is not None
                score = reading(state)
            else:
                score = self._score(output.logits[here, ends], cache, mask)
            for i in np.flatnonzero(there).tolist():
                scores[i].append(score[i])
                if state is not None:
                    states[i].append(state[i])
                chosen = int(score[i].argmax()) if true is None else int(true[i][place])
                last[i] = self._pieces[chosen]
        return [
            Labelled(
                predicted=torch.stack(each).argmax(-1).numpy(),
                scores=torch.stack(each).numpy(),
                states=torch.stack(kept).numpy() if kept else None,
            )
            for each, kept in zip(scores, states, strict=True)
        ]

    def _score(
        self, logits: Float[Tensor, "rows vocabulary"], cache: Any, mask: Int[Tensor, "rows places"]
    ) -> Float[Tensor, "rows labels"]:
        """Log-probability of all tokens of each label after what was read."""
        first = torch.tensor([pieces[0] for pieces in self._pieces])
        score = logits.float().log_softmax(-1)[:, first]
        longer = [k for k, pieces in enumerate(self._pieces) if len(pieces) > 1]
        if not longer:
            return score
        rows = len(logits)
        tokens, fresh = _right_padded([self._pieces[k][:-1] for k in longer])
        tokens, fresh = tokens.repeat(rows, 1), fresh.repeat(rows, 1)  # labels of row 0, of row 1, ...
        ahead = copy.deepcopy(cache)
        ahead.batch_repeat_interleave(len(longer))
        whole = torch.cat([mask.repeat_interleave(len(longer), 0), fresh], 1)
        positions = (whole.cumsum(1) - 1)[:, -tokens.shape[1] :].clamp(min=0)
        log_p = self._forward(tokens, whole, positions, ahead).logits.float().log_softmax(-1)
        after, _ = _right_padded([self._pieces[k][1:] for k in longer])
        rest = log_p.gather(-1, after.repeat(rows, 1)[..., None])[..., 0] * fresh
        score[:, longer] += rest.sum(-1).view(rows, len(longer))
        return score

    def _forward(
        self, tokens: Tensor, mask: Tensor, positions: Tensor, cache: Any, *, states: bool = False
    ) -> Any:
        return self.network(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            output_hidden_states=states,
        )


def majority(demonstrations: Sequence[Demonstration]) -> str:
    """The commonest label of the demonstrations (the first in the alphabet of several): a baseline."""
    labels = [label for each in demonstrations for label in each.labels]
    return min(set(labels), key=lambda label: (-labels.count(label), label))


def _right_padded(
    ids: Sequence[Sequence[int]],
) -> tuple[Int[Tensor, "rows places"], Int[Tensor, "rows places"]]:
    """Token ids and a mask; padding (id 0) stands on the right."""
    longest = max(1, max(map(len, ids)))
    tokens = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, each in enumerate(ids):
        tokens[row, : len(each)] = torch.tensor(each, dtype=torch.long)
        mask[row, : len(each)] = 1
    return tokens, mask
