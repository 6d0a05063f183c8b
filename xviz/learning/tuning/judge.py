"""How an arm does on dev while it trains: its losses, and whether translations find each other.

Dev alone decides which weights are kept; what is reported in the end is measured on other sentences.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from xviz.alignability.retrieval import retrieve
from xviz.alignability.texts import text_vectors
from xviz.learning.contrastive.objective import contrastive_loss, sentence_vectors
from xviz.learning.instruction.objective import summed_loss
from xviz.learning.tuning.data import TuningData
from xviz.learning.tuning.feed import pair_tensors, row_batch
from xviz.learning.tuning.networks import Tuned
from xviz.learning.tuning.spec import TuneSpec
from xviz.learning.tuning.tokens import Tokens
from xviz.representations.capture import LayerCapture
from xviz.store import write_atomically

DEV_PAIRS, DEV_ROWS, DEV_SENTENCES = 256, 256, 128
BATCH = 32
BEST, SCORE = "best.safetensors", "best.json"


class Judge:
    """Called by the loop every now and then: measures dev, and keeps the weights that were best there.

    Every arm is measured by ``dev_loss_mcl`` (nats a pair, among 32), ``dev_loss_cit`` (nats an answer
    token), ``dev_mexa`` (mean over the tuned languages at the layer of MCL, against the pivot) and
    ``dev_mexa_left_out``, as far as there are such data. ``dev_loss`` is the weighted sum of the losses that
    the arm itself is trained by; it alone chooses weights.
    """

    def __init__(self, spec: TuneSpec, data: TuningData, tuned: Tuned, checkpoints: Path):
        self.spec, self.data, self.tuned, self.checkpoints = spec, data, tuned, checkpoints

    def __call__(self, objective: nn.Module) -> Mapping[str, float]:
        device = next(objective.parameters()).device
        self.tuned.model.device = str(device)
        found: dict[str, float] = {}
        own: list[float] = []
        if self.data.dev_pairs is not None and len(self.data.dev_pairs.pairs) > 1:
            found["dev_loss_mcl"] = self._contrastive(device)
            if self.spec.contrasts:
                own.append(self.spec.contrastive.weight * found["dev_loss_mcl"])
        if self.data.dev_rows:
            found["dev_loss_cit"] = self._rows(self.data.dev_rows, device)
            if self.spec.instructs:
                own.append(self.spec.instruction.weight * found["dev_loss_cit"])
        if self.data.dev_lm:
            found["dev_loss_lm"] = self._rows(self.data.dev_lm, device)
            own.append(found["dev_loss_lm"])
        if own:
            found["dev_loss"] = sum(own)
        found |= self._mexa()
        if self.spec.keep == "best" and own:
            self._keep(objective, found["dev_loss"])
        return found

    def _contrastive(self, device: torch.device) -> float:
        items, settings = self.data.dev_pairs, self.spec.contrastive
        assert items is not None
        # at most some pairs, spread over the languages; every batch has equally many negatives but the last
        spread = np.random.default_rng(0).permutation(len(items.pairs))[:DEV_PAIRS]
        losses = []
        with LayerCapture(self.tuned.model, [settings.layer]) as capture:
            for start in range(0, len(spread), BATCH):
                chosen = spread[start : start + BATCH]
                if len(chosen) > 1:
                    t = pair_tensors(items, chosen, self.tuned.model.pad, settings.pooling)
                    t = {name: tensor.to(device) for name, tensor in t.items()}
                    vectors = sentence_vectors(capture, t["pair_ids"], t["pair_mask"], t["pair_weights"])
                    x, y = vectors[t["pair_place"]].chunk(2)
                    loss = contrastive_loss(
                        x,
                        y,
                        t["pair_keys"],
                        temperature=settings.temperature,
                        both=settings.directions == "both",
                        alone=True,
                    )
                    losses.append((float(loss), len(chosen)))
        return sum(loss * n for loss, n in losses) / sum(n for _, n in losses)

    def _rows(self, dev: Sequence[Tokens], device: torch.device) -> float:
        total, targets = 0.0, 0
        rows = dev[:: max(1, len(dev) // DEV_ROWS)]
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            tensors = row_batch(part, pad=self.tuned.model.pad, width=1, packed=False)
            inputs = [tensors[f"row_{x}"].to(device) for x in ("ids", "segments", "positions", "labels")]
            total += float(summed_loss(self.tuned.network, *inputs, packed=False))
            targets += sum(int(row.own[1:].sum()) for row in part)
        return total / max(1, targets)

    def _mexa(self) -> dict[str, float]:
        texts = {iso: of[:DEV_SENTENCES] for iso, of in self.data.dev_texts.items()}
        if len(texts) < 2 or min(map(len, texts.values())) < 2:
            return {}
        where = (self.spec.contrastive.layer, self.spec.contrastive.pooling)
        vectors, rows = {}, {}
        for iso, of in texts.items():
            pooled, rows[iso] = text_vectors(
                self.tuned.model, of, layers=[where[0]], poolings=[where[1]], name=iso
            )
            vectors[iso] = pooled[where]
        common = sorted(set.intersection(*(set(map(int, of)) for of in rows.values())))
        stack = {iso: x[np.searchsorted(rows[iso], common)] for iso, x in vectors.items()}
        pivot, *others = stack
        hits = retrieve(stack[pivot], np.stack([stack[iso] for iso in others])).mexa.mean(1)
        groups: dict[str, list[float]] = {}
        for iso, share in zip(others, hits, strict=True):
            name = "dev_mexa_left_out" if iso in self.spec.leave_out else "dev_mexa"
            groups.setdefault(name, []).append(float(share))
        return {name: float(np.mean(shares)) for name, shares in groups.items()}

    def _keep(self, objective: nn.Module, score: float) -> None:
        best = self.checkpoints / SCORE
        if int(os.environ.get("RANK", "0")) > 0:  # of several processes one writes
            return
        if best.is_file() and json.loads(best.read_text("utf-8"))["dev_loss"] <= score:
            return
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        save_file(_learned(objective), self.checkpoints / BEST)
        write_atomically(best, json.dumps({"dev_loss": score}))

    def take_best(self, objective: nn.Module) -> None:
        """Put back the weights that were best on dev."""
        if self.spec.keep == "best" and (self.checkpoints / BEST).is_file():
            kept = load_file(self.checkpoints / BEST)
            with torch.no_grad():
                for name, p in objective.named_parameters():
                    if name in kept:
                        p.copy_(kept[name])


def _learned(objective: nn.Module) -> dict[str, Tensor]:
    return {
        name: p.detach().cpu().contiguous() for name, p in objective.named_parameters() if p.requires_grad
    }
