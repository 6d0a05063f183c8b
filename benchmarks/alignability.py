"""Alignability against the usual loops: scipy, rsatoolbox, a cosine at a time; and the shapes of mBERT.

Vectors are random, in the shapes of real runs. Figures are seconds of this process's CPU, the least of some
repeats, since other work on the machine should not enter. What would take hours is timed on a part and
scaled up (the note says so); results of that part are compared with ours to 1e-6.
"""

from __future__ import annotations

import importlib.util
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import cosine, pdist, squareform
from scipy.stats import spearmanr

from benchmarks.rows import Row
from xviz.alignability.measures import HeldOutMeasure
from xviz.alignability.permutation import permutations, procrustes_null, rsa_null
from xviz.alignability.retrieval import retrieve
from xviz.alignability.scores import dissimilarities, factor

REPEATS = 3
PERMUTATIONS = 1000
LAYERS, LANGUAGES, CONCEPTS, DIM = 7, 21, 17, 256  # PUD through the bundled encoder
PAIRS = LANGUAGES * (LANGUAGES - 1) // 2
CLOCK = f"CPU time, the least of {REPEATS}."


def rows(data: Path) -> list[Row]:
    """All comparisons; ``data`` is not read, since speed does not depend on values."""
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the room does; threads that wait would count as CPU time
    try:
        found = [_rsa_row(), _procrustes_row(), _rsatoolbox_row(), _mexa_row()]
        return found + [_mbert_row(concepts) for concepts in (17, 37)]
    finally:
        torch.set_num_threads(before)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _least(*works: Callable[[], object]) -> list[float]:
    """The least CPU time of each, measured in turn."""
    found = [[_seconds(work) for work in works] for _ in range(REPEATS)]
    return [min(times) for times in zip(*found, strict=True)]


def _nulls(spaces: torch.Tensor, renamings: np.ndarray) -> torch.Tensor:
    triangles = dissimilarities(spaces)
    i, j = np.triu_indices(spaces.shape[-3], 1)
    return torch.stack([null[..., i, j] for null in rsa_null(triangles, triangles, renamings)])


def _rsa_row() -> Row:
    spaces = torch.randn(LAYERS, LANGUAGES, CONCEPTS, DIM)
    renamings = permutations(CONCEPTS, PERMUTATIONS, seed=0)
    part = renamings[:20]
    squares = [squareform(pdist(space.double().numpy())) for space in spaces[0, :2]]
    upper = np.triu_indices(CONCEPTS, 1)

    def loop() -> list[float]:
        a, b = squares
        return [spearmanr(a[upper], b[np.ix_(r, r)][upper]).statistic for r in part]

    np.testing.assert_allclose(_nulls(spaces, part)[:, 0, 0].numpy(), loop(), atol=1e-6)
    ours, theirs = _least(lambda: _nulls(spaces, renamings), loop)
    n = LAYERS * PAIRS * PERMUTATIONS
    return Row(
        name="RSA, pairs x layers x permutations",
        what=f"Spearman RSA of {PAIRS} pairs, {LAYERS} layers, 1,000 renamings (K = {CONCEPTS}, d = {DIM})",
        unit="CPU seconds",
        value=ours,
        baseline_name="a loop over scipy.stats.spearmanr",
        baseline=theirs * n / len(part),
        ratio=theirs * n / len(part) / ours,
        wanted="at least 100",
        n=n,
        note=f"{CLOCK} The loop was timed on {len(part)} of the correlations and scaled up.",
    )


def _procrustes_row() -> Row:
    spaces = torch.randn(LANGUAGES, CONCEPTS, DIM)
    renamings = permutations(CONCEPTS, PERMUTATIONS, seed=0)
    part = renamings[:10]
    i, j = np.triu_indices(LANGUAGES, 1)
    a, b = (space.double().numpy() for space in spaces[:2])

    def one_layer(renamed: np.ndarray) -> torch.Tensor:
        factors = factor(spaces)
        return procrustes_null(factors[i], factors[j], renamed)

    def loop() -> list[float]:
        return [1 - scipy_procrustes(a, b[r])[2] for r in part]

    np.testing.assert_allclose(one_layer(part)[:, 0].numpy(), loop(), atol=1e-6)
    ours, theirs = _least(lambda: one_layer(renamings), loop)
    n = LAYERS * PAIRS * PERMUTATIONS
    return Row(
        name="Procrustes, pairs x layers x permutations",
        what=f"Fit of {PAIRS} pairs, {LAYERS} layers, 1,000 renamings (K = {CONCEPTS}, d = {DIM})",
        unit="CPU seconds",
        value=ours * LAYERS,
        baseline_name="a loop over scipy.spatial.procrustes",
        baseline=theirs * n / len(part),
        ratio=theirs * n / len(part) / (ours * LAYERS),
        wanted="at least 100",
        n=n,
        note=f"{CLOCK} Ours was timed on one layer, the loop on {len(part)} fits; both scaled up.",
    )


def _rsatoolbox_row() -> Row:
    common = {
        "name": "RSA, against rsatoolbox",
        "what": "Spearman RSA of 210 pairs of ready distances, no permutation",
        "unit": "correlations a CPU second",
        "baseline_name": "rsatoolbox.rdm.compare_spearman",
        "wanted": "at least 1",
    }
    if importlib.util.find_spec("rsatoolbox") is None:
        return Row(**common, value=None, baseline=None, ratio=None, n=0, note="rsatoolbox is not installed.")
    from rsatoolbox.rdm import RDMs, compare_spearman

    from xviz.alignability.scores import rsa

    triangles = dissimilarities(torch.randn(21, 17, 256))
    theirs_in = RDMs(triangles.numpy())
    ours, theirs = _least(lambda: rsa(triangles, triangles), lambda: compare_spearman(theirs_in, theirs_in))
    np.testing.assert_allclose(
        rsa(triangles, triangles).numpy(), compare_spearman(theirs_in, theirs_in), atol=1e-6
    )
    return Row(**common, value=441 / ours, baseline=441 / theirs, ratio=theirs / ours, n=441, note=CLOCK)


def _mexa_row() -> Row:
    layers, languages, n, dim = 7, 20, 1000, 256
    pivot = np.random.default_rng(0).normal(size=(layers, n, dim)).astype(np.float32)
    others = pivot[:, None] + np.random.default_rng(1).normal(size=(layers, languages, n, dim)).astype(
        np.float32
    )
    few = 20
    unit = torch.from_numpy(pivot)

    def products() -> None:
        for layer in range(layers):
            for other in others[layer]:
                unit[layer] @ torch.from_numpy(other).T

    def ours() -> None:
        for layer in range(layers):
            retrieve(pivot[layer], others[layer])

    def loop() -> np.ndarray:
        return np.array([[1 - cosine(e, other) for other in others[0, 0, :few]] for e in pivot[0, :few]])

    fast, slow = _least(ours, loop)
    product = _least(products)[0]
    C = loop()
    hits = retrieve(pivot[0, :few], others[0, :1, :few]).mexa[0]
    true, off = np.diag(C), C - 3 * np.eye(few)
    assert ((true > off.max(0)) & (true > off.max(1)) == hits).all()
    cosines = layers * languages * n * n
    scaled = slow * cosines / few**2
    return Row(
        name="MEXA, languages x layers",
        what="MEXA of 20 languages, 7 layers, n = 1,000, d = 256",
        unit="CPU seconds",
        value=fast,
        baseline_name="scipy.spatial.distance.cosine, a pair at a time",
        baseline=scaled,
        ratio=scaled / fast,
        wanted="at least 200",
        n=cosines,
        note=f"{CLOCK} The loop was timed on {few * few} cosines and scaled up. "
        f"The bare matrix products took {product:.3g} s.",
    )


def _mbert_row(concepts: int) -> Row:
    layers, languages = 13, 43
    spaces = torch.randn(layers, languages, concepts, 768)
    renamings = permutations(concepts, PERMUTATIONS, seed=0)
    pairs = concepts * (concepts - 1) // 2
    left = torch.randn(layers, languages, pairs, dtype=torch.float64)
    right = torch.randn(layers, pairs, languages * 100, dtype=torch.float64)
    ours, product = _least(
        lambda: _nulls(spaces, renamings), lambda: [left @ right for _ in range(PERMUTATIONS // 100)]
    )
    i, j = np.triu_indices(languages, 1)
    factors = factor(spaces[:1])
    part = renamings[:10]
    fits = _seconds(lambda: procrustes_null(factors[:, i], factors[:, j], part))
    fits *= layers * PERMUTATIONS / len(part)
    measure = HeldOutMeasure()
    prototypes = spaces.double()
    heldout = _seconds(lambda: measure.compare(prototypes, prototypes, (i, j)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Row(
        name=f"mBERT's shapes, K = {concepts}",
        what=f"Spearman RSA of {len(i)} pairs, {layers} layers, 1,000 renamings, d = 768",
        unit="CPU seconds",
        value=ours,
        baseline_name="the matrix product of the same size alone",
        baseline=product,
        ratio=ours / product,
        wanted="within 8 GiB",
        n=len(i) * layers * PERMUTATIONS,
        note=f"{CLOCK} Largest memory of the process so far: {peak:.1f} GiB. Beside it, Procrustes: "
        f"{fits:.0f} s (timed on {len(part)} renamings of one layer); held-out concepts, no null: "
        f"{heldout:.0f} s.",
    )
