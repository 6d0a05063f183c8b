"""Synthetic languages: concepts on a circle of planes that a two-parameter family of rotations turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xviz.learning.meta.languages import Language, Languages, Side

CONCEPTS = ("ADJ", "ADP", "NOUN", "PRON", "PUNCT", "VERB")
SHARES = np.array([0.12, 0.15, 0.28, 0.12, 0.15, 0.18])
DIM = 24
CENTRES = np.random.default_rng(42).normal(size=(len(CONCEPTS), DIM)) * 1.5


def turned(first: float, second: float) -> np.ndarray:
    """The rotation by ``first`` in planes (0,1), (2,3), ... and then by ``second`` in (1,2), (3,4), ..."""
    R = np.eye(DIM)
    for angle, start in ((first, 0), (second, 1)):
        step = np.eye(DIM)
        for i in range(start, DIM - 1, 2):
            c, s = np.cos(angle), np.sin(angle)
            step[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
        R = R @ step
    return R


def random_rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng([seed, 9]).normal(size=(DIM, DIM)))
    return q * np.sign(np.diag(r))


def side(rotation: np.ndarray, *, sentences: int, seed: int, noise: float = 0.6) -> Side:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 12, size=sentences)
    codes = rng.choice(len(CONCEPTS), size=lengths.sum(), p=SHARES)
    vectors = (CENTRES[codes] + noise * rng.normal(size=(len(codes), DIM))) @ rotation
    return Side(
        vectors=vectors.astype(np.float32),
        codes=codes,
        sentence=np.repeat(np.arange(sentences), lengths),
        forms=np.array([f"{CONCEPTS[k]}{rng.integers(5)}" for k in codes], object),
        sent_ids=tuple(f"s{i}" for i in range(sentences)),
    )


def language(name: str, rotation: np.ndarray, *, seed: int, sentences: int = 60) -> Language:
    sides = [side(rotation, sentences=n, seed=1000 * seed + i) for i, n in enumerate((sentences, 20, 60))]
    return Language(f"UD_{name}", name, *sides)


def family(targets: tuple[Language, ...], *, steps: int = 3, reach: float = np.pi / 2) -> Languages:
    """Source at (0, 0), training languages on a grid of angles up to ``reach``."""
    angles = np.linspace(0, reach, steps)
    grid = [(a, b) for a in angles for b in angles if (a, b) != (0, 0)]
    training = tuple(language(f"t{i}", turned(a, b), seed=i + 1) for i, (a, b) in enumerate(grid))
    return Languages(CONCEPTS, language("source", np.eye(DIM), seed=0), training, targets)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Small products: more threads only wait for one another on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_language() -> Callable[..., Language]:
    return language


@pytest.fixture(scope="session")
def make_family() -> Callable[..., Languages]:
    return family


@pytest.fixture(scope="session")
def rotations() -> tuple[Callable[[float, float], np.ndarray], Callable[[int], np.ndarray]]:
    """Of the family (by its two angles), and unrelated ones (by seed)."""
    return turned, random_rotation
