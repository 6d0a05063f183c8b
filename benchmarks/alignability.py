"""Alignability against the usual loops: scipy, rsatoolbox, a cosine at a time; and the shapes of mBERT.

Vectors are random, in the shapes of real runs. A loop that would take hours is timed on a part and
extrapolated (the note says so); results of that part are compared with ours to 1e-6.
"""

from __future__ import annotations

import importlib.util
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from scipy.spatial.distance import cosine, pdist, squareform
from scipy.stats import spearmanr

from benchmarks.rows import Row
from xviz.alignability.permutation import permutations, rsa_null
from xviz.alignability.retrieval import retrieve
from xviz.alignability.scores import dissimilarities

REPEATS = 3
PERMUTATIONS = 1000


def rows(data: Path) -> list[Row]:
    """All comparisons; ``data`` is not read, since speed does not depend on values."""
    torch.manual_seed(0)
    found = [_scipy_row(), _rsatoolbox_row(), _mexa_row()]
    return found + [_mbert_row(concepts) for concepts in (17, 37)]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _nulls(spaces: torch.Tensor, renamings: np.ndarray) -> torch.Tensor:
    triangles = dissimilarities(spaces)
    i, j = np.triu_indices(spaces.shape[-3], 1)
    return torch.stack([null[..., i, j] for null in rsa_null(triangles, triangles, renamings)])


def _scipy_row() -> Row:
    spaces, renamings = torch.randn(7, 21, 17, 256), permutations(17, PERMUTATIONS, seed=0)
    part = renamings[:20]
    squares = [squareform(pdist(space.double().numpy())) for space in spaces[0, :2]]
    upper = np.triu_indices(17, 1)

    def loop() -> list[float]:
        a, b = squares
        return [spearmanr(a[upper], b[np.ix_(r, r)][upper]).statistic for r in part]

    ours, theirs, null = [], [], torch.empty(0)
    for _ in range(REPEATS):
        started = time.perf_counter()
        null = _nulls(spaces, renamings)
        ours.append(time.perf_counter() - started)
        theirs.append(_seconds(loop))
    np.testing.assert_allclose(null[:20, 0, 0].numpy(), loop(), atol=1e-6)
    value, baseline = null.numel() / median(ours), len(part) / median(theirs)
    return Row(
        name="RSA, pairs x layers x permutations",
        what="Spearman RSA of 210 pairs, 7 layers, 1,000 renamings (K = 17, d = 256)",
        unit="correlations a second",
        value=value,
        baseline_name="a loop over scipy.stats.spearmanr",
        baseline=baseline,
        ratio=value / baseline,
        wanted="at least 100",
        n=null.numel(),
        note=f"The loop was timed on {len(part)} correlations.",
    )


def _rsatoolbox_row() -> Row:
    common = {
        "name": "RSA, against rsatoolbox",
        "what": "Spearman RSA of 210 pairs of ready distances, no permutation",
        "unit": "correlations a second",
        "baseline_name": "rsatoolbox.rdm.compare_spearman",
        "wanted": "at least 1",
    }
    if importlib.util.find_spec("rsatoolbox") is None:
        return Row(**common, value=None, baseline=None, ratio=None, n=0, note="rsatoolbox is not installed.")
    from rsatoolbox.rdm import RDMs, compare_spearman

    from xviz.alignability.scores import rsa

    triangles = dissimilarities(torch.randn(21, 17, 256))
    theirs_in = RDMs(triangles.numpy())
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(_seconds(lambda: rsa(triangles, triangles)))
        theirs.append(_seconds(lambda: compare_spearman(theirs_in, theirs_in)))
    np.testing.assert_allclose(
        rsa(triangles, triangles).numpy(), compare_spearman(theirs_in, theirs_in), atol=1e-6
    )
    value, baseline = 441 / median(ours), 441 / median(theirs)
    return Row(**common, value=value, baseline=baseline, ratio=value / baseline, n=441)


def _mexa_row() -> Row:
    layers, languages, n, dim = 7, 20, 1000, 256
    pivot = np.random.default_rng(0).normal(size=(layers, n, dim)).astype(np.float32)
    others = pivot[:, None] + np.random.default_rng(1).normal(size=(layers, languages, n, dim)).astype(
        np.float32
    )
    few = 20

    def ours() -> None:
        for layer in range(layers):
            retrieve(pivot[layer], others[layer])

    def loop() -> np.ndarray:
        return np.array([[1 - cosine(e, other) for other in others[0, 0, :few]] for e in pivot[0, :few]])

    fast, slow = [], []
    for _ in range(REPEATS):
        fast.append(_seconds(ours))
        slow.append(_seconds(loop))
    C = loop()
    hits = retrieve(pivot[0, :few], others[0, :1, :few]).mexa[0]
    true, off = np.diag(C), C - 3 * np.eye(few)
    assert ((true > off.max(0)) & (true > off.max(1)) == hits).all()
    value, baseline = layers * languages * n * n / median(fast), few * few / median(slow)
    return Row(
        name="MEXA, languages x layers",
        what="MEXA of 20 languages, 7 layers, n = 1,000, d = 256",
        unit="cosines a second",
        value=value,
        baseline_name="scipy.spatial.distance.cosine, a pair at a time",
        baseline=baseline,
        ratio=value / baseline,
        wanted="at least 200",
        n=layers * languages * n * n,
        note=f"The loop was timed on {few * few} cosines.",
    )


def _mbert_row(concepts: int) -> Row:
    layers, languages = 13, 43
    spaces = torch.randn(layers, languages, concepts, 768)
    renamings = permutations(concepts, PERMUTATIONS, seed=0)
    pairs = concepts * (concepts - 1) // 2
    left = torch.randn(layers, languages, pairs, dtype=torch.float64)
    right = torch.randn(layers, pairs, languages * 100, dtype=torch.float64)
    ours, product = [], []
    for _ in range(REPEATS):
        ours.append(_seconds(lambda: _nulls(spaces, renamings)))
        product.append(_seconds(lambda: [left @ right for _ in range(PERMUTATIONS // 100)]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Row(
        name=f"mBERT's shapes, K = {concepts}",
        what="Spearman RSA of 903 pairs, 13 layers, 1,000 renamings, d = 768",
        unit="seconds",
        value=median(ours),
        baseline_name="the matrix product of the same size alone",
        baseline=median(product),
        ratio=median(ours) / median(product),
        wanted="near 1, within 8 GiB",
        n=903 * layers * PERMUTATIONS,
        note=f"Largest memory of the process so far: {peak:.1f} GiB.",
    )
