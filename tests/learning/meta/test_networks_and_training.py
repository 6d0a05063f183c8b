"""The batched map against naive loops; seeds that do not know of one another; results that repeat."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xviz.errors import Cancelled
from xviz.journal import Journal
from xviz.learning.meta.adaptation import learn_adaptors
from xviz.learning.meta.episodes import EpisodeSampler
from xviz.learning.meta.networks import (
    Dropout,
    Phi,
    few_shot_logits,
    identities,
    word_loss,
    zero_shot_logits,
)
from xviz.learning.meta.spec import MetaTraining
from xviz.learning.meta.training import train_map

QUICK = MetaTraining(
    hidden=16, episodes=3, epochs=2, episodes_a_step=2, support=3, query=5, learning_rate=1e-3
)
SPACE = np.random.default_rng(7).normal(size=(6, 8)).astype(np.float32)


def naive_loss(x, code, phi, seed: int, space, *, U=None, G=None) -> torch.Tensor:
    """One word, one seed, double precision, distances written out."""
    W1, b1, W2, b2 = (p[seed].double() for p in (phi.W1, phi.b1, phi.W2, phi.b2))
    h = x.double() @ W1 + b1[0]
    h = torch.where(h > 0, h, 0.2 * h)
    z = h @ W2 + b2[0]
    if G is not None:
        z = z @ G.double()
    targets = space.double() if U is None else space.double() @ U.double()
    distances = torch.stack([((z - target) ** 2).sum() for target in targets])
    return distances[code] + torch.logsumexp(-distances, 0)


@pytest.mark.parametrize("few_shot", [False, True])
def test_the_loss_equals_a_naive_loop_over_words(few_shot: bool) -> None:
    torch.manual_seed(0)
    phi, space = Phi(10, 16, 8, [0, 1, 2]), torch.from_numpy(SPACE)
    phi.requires_grad_(False)
    over = identities(8, 3).detach() + 0.1 * torch.randn(3, 8, 8)
    x, codes = torch.randn(3, 20, 10), torch.randint(0, 6, (3, 20))
    weight = torch.rand(3, 20)
    weight[:, 15:] = 0  # padding
    codes[:, 15:] = -1
    logits = few_shot_logits(phi(x), space, over) if few_shot else zero_shot_logits(phi(x), space, over)
    got = word_loss(logits, codes, weight)
    for s in range(3):
        option = {"G": over[s]} if few_shot else {"U": over[s]}
        want = sum(
            weight[s, i].double() * naive_loss(x[s, i], codes[s, i], phi, s, space, **option)
            for i in range(15)
        )
        assert float(got[s]) == pytest.approx(float(want), abs=1e-5)


def test_u_and_g_begin_as_the_identity() -> None:
    z, space = torch.randn(2, 5, 8), torch.from_numpy(SPACE)
    torch.testing.assert_close(
        zero_shot_logits(z, space, identities(8, 2)), few_shot_logits(z, space, identities(8, 2))
    )


def test_a_step_of_zero_shot_training_is_adams_first_step_on_the_naive_loss(make_family) -> None:
    """One episode, no dropout: every weight moves by the rate against the sign of its gradient."""
    (language,) = make_family((), steps=2).training[:1]
    one = MetaTraining(
        hidden=16, episodes=1, epochs=1, support=3, query=500, learning_rate=1e-3, dropout=0, weight_decay=0
    )
    got = train_map([language], SPACE, settings=one, hidden=16, seeds=[4], few_shot=False)
    sampler = EpisodeSampler([language], concepts=6, support=3, query=500)
    ((episode,),) = sampler.epoch(np.random.default_rng([4, 1]), episodes=1, together=1)
    rows = language.train.rows(episode.query)
    phi, U = Phi(24, 16, 8, [4]), identities(8, 1)
    x = torch.from_numpy(language.train.vectors[rows])[None]
    loss = torch.nn.functional.cross_entropy(
        zero_shot_logits(phi(x), torch.from_numpy(SPACE), U)[0], torch.from_numpy(language.train.codes[rows])
    )
    gradients = torch.autograd.grad(loss, [phi.W1, phi.W2, U])
    assert got.U is not None
    for before, gradient, after in zip(
        (phi.W1, phi.W2, U), gradients, (got.phi.W1, got.phi.W2, got.U), strict=True
    ):
        clear = gradient.abs() > 1e-5  # Adam's epsilon matters where the gradient is nearly nothing
        torch.testing.assert_close(after[clear], (before - 1e-3 * gradient.sign())[clear], atol=1e-5, rtol=0)


def test_same_seeds_same_bits_and_other_seeds_others(make_family) -> None:
    languages = make_family((), steps=2).training
    options = {"settings": QUICK, "hidden": 16, "few_shot": True}
    first = train_map(languages, SPACE, seeds=[0, 1], **options)
    again = train_map(languages, SPACE, seeds=[0, 1], **options)
    other = train_map(languages, SPACE, seeds=[2, 3], **options)
    assert first.phi.hash() == again.phi.hash() != other.phi.hash()


@pytest.mark.parametrize("few_shot", [False, True])
def test_a_seed_is_trained_alike_alone_and_beside_others(make_family, few_shot: bool) -> None:
    languages = make_family((), steps=2).training
    options = {"settings": QUICK, "hidden": 16, "few_shot": few_shot}
    together = train_map(languages, SPACE, seeds=[0, 1, 2], **options)
    alone = train_map(languages, SPACE, seeds=[1], **options)
    torch.testing.assert_close(together.phi.W1[1], alone.phi.W1[0], atol=1e-6, rtol=1e-4)
    assert together.epoch[1] == alone.epoch[0]


def test_dropout_keeps_its_share_and_scales() -> None:
    weight = np.ones((2, 3, 40), np.float32)
    weight[0, :, 30:] = 0
    kept = Dropout(0.33, [0, 1])(weight, 50)
    assert kept is not None
    assert kept.shape == (2, 120, 50)
    assert kept[1].unique().tolist() == pytest.approx([0.0, 1 / 0.67])
    assert float((kept[1] > 0).float().mean()) == pytest.approx(0.67, abs=0.02)
    assert Dropout(0.0, [0])(weight[:1], 50) is None


def test_tasks_and_seeds_of_a_new_language_are_learned_apart() -> None:
    """The G of a task is the same whether other tasks stand beside it or not, but for their batches."""
    torch.manual_seed(0)
    z, codes = torch.randn(2, 60, 8), torch.randint(0, 6, (60,))
    settings = MetaTraining(adapt_epochs=5, adapt_learning_rate=1e-2, adapt_batch=99)
    sentences = [[np.arange(0, 10), np.arange(10, 20)], [np.arange(20, 25), np.arange(40, 60)]]
    space = torch.from_numpy(SPACE)
    both = learn_adaptors(z, codes, space, sentences, settings=settings, seed=0)
    for task in range(2):
        one = learn_adaptors(z, codes, space, [sentences[task]], settings=settings, seed=0)
        torch.testing.assert_close(both[:, task], one[:, 0], atol=1e-5, rtol=1e-4)
    rows, learned = np.concatenate(sentences[1]), both[:, 1]
    before = torch.nn.functional.cross_entropy(
        few_shot_logits(z, space, identities(8, 2).detach())[0, rows], codes[rows]
    )
    after = torch.nn.functional.cross_entropy(few_shot_logits(z, space, learned)[0, rows], codes[rows])
    assert float(after) < float(before)


def test_training_stops_when_asked_and_tells_its_curve(make_family) -> None:
    class Told(Journal):
        def __init__(self, stop: bool):
            self.stop, self.curve = stop, []

        def stop_requested(self) -> bool:
            return self.stop

        def metrics(self, step, values) -> None:
            self.curve.append((step, *values))

    languages = make_family((), steps=2).training
    options = {"settings": QUICK, "hidden": 16, "seeds": [0], "few_shot": False}
    told = Told(False)
    train_map(languages, SPACE, journal=told, **options)
    assert told.curve == [(1, "loss", "dev_accuracy"), (2, "loss", "dev_accuracy")]
    with pytest.raises(Cancelled):
        train_map(languages, SPACE, journal=Told(True), **options)
