"""Meta-training: Φ with U (zero-shot) or with a G a language (few-shot), on stored vectors.

Zero-shot: the query of each episode trains Φ and U. (So in paper A's public code as well: the support takes
no part in the loss.) Few-shot: the support trains the G of its language with Φ held fixed, the query trains Φ
through that G held fixed [ours], which is what a new language meets later: its G is learned from a few
sentences and must serve others.

Why this loop stands by itself and not in :mod:`xviz.learning.loop`: one step trains several independent maps
(the seeds) side by side, so a clipped norm or one schedule would mix them; each keeps the epoch that is best
for it on the dev sides of the languages that train (never a target); and the update is Adam with weight decay
in the gradient, at a constant rate, as in paper A. Nothing here runs the transformer: a step is a gather of
rows and a few batched products, the work of a minute, so there is nothing to resume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xviz.errors import Cancelled, XvizError
from xviz.journal import SILENT, Journal
from xviz.learning.meta.episodes import Episode, EpisodeSampler
from xviz.learning.meta.languages import Language, Side
from xviz.learning.meta.networks import (
    Dropout,
    Phi,
    few_shot_logits,
    identities,
    word_loss,
    zero_shot_logits,
)
from xviz.learning.meta.spec import MetaTraining

BLOCK = 8192
"""Rows that pass through Φ at a time where nothing is learned."""


@dataclass(frozen=True)
class Trained:
    """Φ of every seed, with U where it was trained for zero-shot use; as it was at each seed's best epoch."""

    phi: Phi
    U: Float[Tensor, "seeds rank rank"] | None
    space: Float[Tensor, "concepts rank"]
    epoch: tuple[int, ...]
    dev_accuracy: tuple[float, ...]
    episodes: int

    def features(self, vectors: np.ndarray) -> Float[Tensor, "seeds rows rank"]:
        """Φ of all rows, without dropout."""
        return features(self.phi, vectors)

    def logits(self, vectors: np.ndarray) -> Float[Tensor, "seeds rows concepts"]:
        """Scores of the concepts for words of a language without a G of its own."""
        return _logits(self.features(vectors), self.space, self.U)


def train_map(
    languages: Sequence[Language],
    space: Float[np.ndarray, "concepts rank"],
    *,
    settings: MetaTraining,
    hidden: int,
    seeds: Sequence[int],
    few_shot: bool,
    device: str | torch.device = "cpu",
    journal: Journal = SILENT,
) -> Trained:
    """Train Φ of every seed on episodes of ``languages`` against the source's prototypes ``space``.

    Raises:
        InputError: a language has too few sentences for an episode.
        XvizError: the loss is no longer a number.
        Cancelled: the journal asked to stop.
    """
    sampler = EpisodeSampler(languages, concepts=len(space), support=settings.support, query=settings.query)
    target = torch.from_numpy(np.asarray(space, np.float32)).to(device)
    x = torch.from_numpy(np.concatenate([language.train.vectors for language in languages])).to(device)
    y = torch.from_numpy(np.concatenate([language.train.codes for language in languages])).to(device)
    phi = Phi(x.shape[1], hidden, target.shape[1], seeds)
    learned = identities(target.shape[1], len(seeds), *([len(languages)] if few_shot else []))
    phi, learned = phi.to(device), torch.nn.Parameter(learned.to(device))
    parameters = [*phi.parameters(), learned]
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    dropout = Dropout(settings.dropout, seeds)
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]

    def batch(steps: Sequence[Sequence[Episode]], part: str) -> tuple[Tensor, Tensor, Tensor, np.ndarray]:
        rows = sampler.rows(steps, part)
        index = torch.from_numpy(rows.index).to(device)
        return x[index.flatten(1)], y[index], torch.from_numpy(rows.weight).to(device), rows.weight

    def zero_shot_loss(steps: Sequence[Sequence[Episode]]) -> Float[Tensor, " seeds"]:
        vectors, codes, weight, drawn = batch(steps, "query")
        z = phi(vectors, _to(dropout(drawn, hidden), device))
        return word_loss(zero_shot_logits(z, target, learned), codes.flatten(1), weight.flatten(1))

    def few_shot_loss(steps: Sequence[Sequence[Episode]]) -> Float[Tensor, " seeds"]:
        which = torch.tensor([[e.language for e in step] for step in steps], device=device)
        G = learned[torch.arange(len(steps), device=device)[:, None], which]  # (seeds, episodes, r, r)
        parts = []
        for part in ("support", "query"):
            vectors, codes, weight, drawn = batch(steps, part)
            if part == "support":
                with torch.no_grad():
                    z = phi(vectors)
            else:
                z = phi(vectors, _to(dropout(drawn, hidden), device))
            z = z.unflatten(1, codes.shape[1:]).flatten(0, 1)  # (seeds * episodes, rows, r)
            over = (G if part == "support" else G.detach()).flatten(0, 1)
            loss = word_loss(few_shot_logits(z, target, over), codes.flatten(0, 1), weight.flatten(0, 1))
            parts.append(loss.unflatten(0, codes.shape[:2]).sum(-1))
        return parts[0] + parts[1]

    loss_of = few_shot_loss if few_shot else zero_shot_loss
    best: list[tuple[float, int, list[Tensor]]] = [(-1.0, 0, [])] * len(seeds)
    total = settings.epochs * -(-settings.episodes * len(languages) // settings.episodes_a_step)
    done = 0
    for epoch in range(1, settings.epochs + 1):
        losses = []
        each = [
            sampler.epoch(rng, episodes=settings.episodes, together=settings.episodes_a_step) for rng in rngs
        ]
        for steps in zip(*each, strict=True):
            loss = loss_of(steps)
            optimiser.zero_grad(set_to_none=True)
            loss.sum().backward()  # each seed's parameters see the gradient of its own loss alone
            optimiser.step()
            losses.append(loss.detach())
            done += 1
            if done % 20 == 0:
                journal.progress(done, total, unit="steps")
                _stop_if_asked(journal)
        mean = torch.stack(losses).mean(0)
        if not bool(mean.isfinite().all()):
            raise XvizError(
                f"The loss is no longer a number in epoch {epoch}; a learning rate below "
                f"{settings.learning_rate:g} may help."
            )
        U = None if few_shot else learned
        G = learned if few_shot else None
        accuracy = dev_accuracy(phi, target, [language.dev for language in languages], U=U, G=G)
        for s, value in enumerate(accuracy):
            if value > best[s][0]:
                best[s] = (value, epoch, [p.detach()[s].clone() for p in parameters])
        journal.progress(done, total, unit="steps")
        journal.metrics(epoch, {"loss": float(mean.mean()), "dev_accuracy": float(np.mean(accuracy))})
        _stop_if_asked(journal)

    with torch.no_grad():
        for place, p in enumerate(parameters):
            p.copy_(torch.stack([kept[place] for _, _, kept in best]))
    phi.requires_grad_(False)
    return Trained(
        phi=phi,
        U=None if few_shot else learned.detach(),
        space=target,
        epoch=tuple(epoch for _, epoch, _ in best),
        dev_accuracy=tuple(value for value, _, _ in best),
        episodes=settings.epochs * settings.episodes * len(languages),
    )


@torch.no_grad()
def dev_accuracy(
    phi: Phi,
    space: Float[Tensor, "concepts rank"],
    sides: Sequence[Side],
    *,
    U: Float[Tensor, "seeds rank rank"] | None = None,
    G: Float[Tensor, "seeds languages rank rank"] | None = None,
) -> list[float]:
    """Mean over languages of the accuracy on labelled words, for each seed."""
    found = []
    for place, side in enumerate(sides):
        rows = np.flatnonzero(side.codes >= 0)
        z = features(phi, side.vectors[rows])
        logits = _logits(z, space, U) if G is None else few_shot_logits(z, space, G[:, place])
        codes = torch.from_numpy(side.codes[rows]).to(logits.device)
        found.append((logits.argmax(-1) == codes).double().mean(-1))
    return torch.stack(found).mean(0).tolist()


@torch.no_grad()
def features(phi: Phi, vectors: np.ndarray) -> Float[Tensor, "seeds rows rank"]:
    """Φ of all rows, without dropout."""
    device, seeds = phi.W1.device, len(phi.W1)
    parts = []
    for start in range(0, max(1, len(vectors)), BLOCK):
        x = torch.from_numpy(np.asarray(vectors[start : start + BLOCK], np.float32)).to(device)
        parts.append(phi(x.expand(seeds, *x.shape)))
    return torch.cat(parts, 1)


def _logits(z: Tensor, space: Tensor, U: Tensor | None) -> Float[Tensor, "seeds rows concepts"]:
    eye = torch.eye(space.shape[1], device=z.device).expand(len(z), -1, -1)
    return zero_shot_logits(z, space, eye if U is None else U)


def _to(kept: Tensor | None, device: str | torch.device) -> Tensor | None:
    return None if kept is None else kept.to(device)


def _stop_if_asked(journal: Journal) -> None:
    if journal.stop_requested():
        raise Cancelled("Meta-training was stopped; nothing of it was kept.")
