"""A new language from a few sentences: a fresh G over a frozen Φ (paper A; METHODS.md section 4).

Φ is applied once to every word; only G (r x r, from the identity) is learned, on r numbers a word. All seeds,
languages and draws with the same number of sentences are learned side by side. That Φ was left alone is not
assumed: its hash is compared before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xviz.errors import Cancelled, XvizError
from xviz.journal import SILENT, Journal
from xviz.learning.meta.episodes import padded
from xviz.learning.meta.languages import Language
from xviz.learning.meta.networks import few_shot_logits, identities, word_loss
from xviz.learning.meta.spec import MetaTraining
from xviz.learning.meta.training import Trained


@dataclass(frozen=True)
class FewShots:
    """The sentences that few-shot methods see: the first N of a random order, a different one each draw.

    Every method and seed sees the same sentences; more shots of a draw hold the fewer.
    """

    shots: tuple[int, ...]
    draws: int
    seed: int

    def order(self, language: Language, draw: int) -> Int[np.ndarray, " sentences"]:
        """The sentences of the train side in the order in which this draw takes them."""
        name = list(language.name.encode())
        return np.random.default_rng([self.seed, 3, draw, *name]).permutation(len(language.train))

    def of(self, language: Language) -> list[tuple[int, int, Int[np.ndarray, " shots"]]]:
        """``(shots, draw, sentences)``, as far as the language has so many sentences."""
        return [
            (shots, draw, self.order(language, draw)[:shots])
            for shots in self.shots
            if shots <= len(language.train)
            for draw in range(self.draws)
        ]


def adapt(
    trained: Trained,
    languages: Sequence[Language],
    few: FewShots,
    *,
    settings: MetaTraining,
    journal: Journal = SILENT,
) -> dict[tuple[str, int, int], Int[np.ndarray, "seeds rows"]]:
    """Predictions on the test words of each language, by ``(treebank, shots, draw)``.

    Raises:
        XvizError: Φ is no longer what it was.
        Cancelled: the journal asked to stop.
    """
    before = trained.phi.hash()
    train = [trained.features(language.train.vectors) for language in languages]
    test = [trained.features(language.test.vectors) for language in languages]
    offsets = np.concatenate([[0], np.cumsum([z.shape[1] for z in train])])
    z = torch.cat(train, 1)  # (seeds, rows of all languages, r)
    codes = torch.from_numpy(np.concatenate([language.train.codes for language in languages])).to(z.device)

    predicted = {}
    for number, shots in enumerate(few.shots):
        chosen = [
            (place, draw, sentences)
            for place, language in enumerate(languages)
            for n, draw, sentences in few.of(language)
            if n == shots
        ]
        if not chosen:
            continue
        rows = [
            [languages[place].train.rows(sentences[i : i + 1]) + offsets[place] for i in range(shots)]
            for place, _, sentences in chosen
        ]
        G = learn_adaptors(z, codes, trained.space, rows, settings=settings, seed=few.seed, journal=journal)
        for i, (place, draw, _) in enumerate(chosen):
            guess = few_shot_logits(test[place], trained.space, G[:, i]).argmax(-1)
            predicted[languages[place].name, shots, draw] = guess.cpu().numpy().astype(np.int16)
        journal.progress(number + 1, len(few.shots), unit="numbers of shots")
    if trained.phi.hash() != before:
        raise XvizError("The map changed while a new language was learned; these results cannot be used.")
    return predicted


def learn_adaptors(
    z: Float[Tensor, "seeds rows rank"],
    codes: Int[Tensor, " rows"],
    space: Float[Tensor, "concepts rank"],
    sentences: Sequence[Sequence[Int[np.ndarray, " rows"]]],
    *,
    settings: MetaTraining,
    seed: int,
    journal: Journal = SILENT,
) -> Float[Tensor, "seeds tasks rank rank"]:
    """The G of each task; ``sentences[i]`` are the rows of each sentence of task i (as many in all tasks)."""
    seeds, tasks, shots = len(z), len(sentences), len(sentences[0])
    G = identities(space.shape[1], seeds, tasks)
    G = torch.nn.Parameter(G.to(z.device))
    optimiser = torch.optim.Adam(
        [G], lr=settings.adapt_learning_rate, weight_decay=settings.adapt_weight_decay
    )
    rng = np.random.default_rng([seed, 4, shots])
    for _ in range(settings.adapt_epochs):
        orders = [rng.permutation(shots) for _ in range(tasks)]
        for start in range(0, shots, settings.adapt_batch):
            found = [
                np.concatenate([sentences[i][s] for s in order[start : start + settings.adapt_batch]])
                for i, order in enumerate(orders)
            ]
            rows = padded([found])  # one group of all tasks
            index = torch.from_numpy(rows.index[0]).to(z.device)  # (tasks, rows)
            weight = torch.from_numpy(rows.weight[0] * tasks).to(z.device)
            logits = few_shot_logits(z[:, index].flatten(0, 1), space, G.flatten(0, 1))
            loss = word_loss(logits, codes[index].repeat(seeds, 1), weight.repeat(seeds, 1))
            optimiser.zero_grad(set_to_none=True)
            loss.sum().backward()  # the G of each task and seed sees its own loss alone
            optimiser.step()
        if journal.stop_requested():
            raise Cancelled("Few-shot learning was stopped; nothing of it was kept.")
    return G.detach()
