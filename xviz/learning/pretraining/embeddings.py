"""Where the embeddings start: a factorisation of counts instead of noise.

Predicting neighbours with a shallow network factorises a matrix of pointwise mutual information (Levy &
Goldberg, 2014), and counting is a thousand times cheaper than gradient steps. So the embedding of a token
starts as the left singular vectors of positive PMI between the token and

- the tokens within two places to its left, and to its right (where it stands in a sentence: its part of
  speech, mostly);
- for encoders with pairs, the aligned sentences it occurs in, a sentence and its translations being one
  (Levy, Søgaard & Goldberg, 2017): tokens that translate one another start close together.

Each block of a token's row has unit length, so a block with more columns has no more say.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from xviz.journal import SILENT, Journal
from xviz.learning.pretraining.corpus import Packed, text_epoch
from xviz.learning.pretraining.spec import BatchSettings

TOKENS = 8_000_000
SMOOTHING = 0.75


def spectral_embeddings(
    text: Packed,
    pairs: Packed | None,
    settings: BatchSettings,
    *,
    vocabulary: int,
    width: int,
    seed: int,
    journal: Journal = SILENT,
) -> Float[np.ndarray, "vocabulary width"]:
    """Vectors of length 1; zeros for tokens that were not seen.

    Args:
        text, pairs: packed folders; of ``text`` about eight million tokens are counted.
        settings: how languages are balanced.
        vocabulary, width: shape of the result.
        seed: of the sample and of the randomised SVD.
    """
    journal.stage("Counting neighbours")
    rng = np.random.default_rng([seed, 5])
    lines = rng.permutation(text_epoch(text, settings, seed, 0)[:, 0])
    lines = lines[: np.searchsorted(np.cumsum(text.lengths[lines]), TOKENS) + 1]
    right = _nothing(vocabulary)
    for part in np.array_split(lines, max(1, len(lines) // 50_000)):
        right = right + _neighbours(text, part, vocabulary)
    blocks = [_unit_rows(_positive_pmi(counts)) for counts in (right, right.T.tocsr())]
    if pairs is not None:
        blocks.append(_unit_rows(_positive_pmi(_sentences(pairs, vocabulary))))
    journal.stage("Factorising the counts")
    matrix = sparse.hstack(blocks, format="csr")
    u, s, _ = randomized_svd(matrix, min(width, min(matrix.shape)), n_iter=3, random_state=seed)
    vectors = np.zeros((vocabulary, width), dtype=np.float32)
    vectors[:, : len(s)] = u * np.sqrt(s)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _neighbours(text: Packed, lines: np.ndarray, vocabulary: int) -> sparse.csr_matrix:
    """Counts [token, token to its right]: 1 next to it, 1/2 one further."""
    gap = np.array([-1, -1])
    ids = np.concatenate([part for i in lines for part in (text.line(i).astype(np.int64), gap)])
    counts = _nothing(vocabulary)
    for distance, weight in ((1, 1.0), (2, 0.5)):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0)  # the gap is wide enough that no window reaches across it
        values = np.full(both.sum(), weight, dtype=np.float32)
        counts = counts + sparse.csr_matrix((values, (left[both], right[both])), shape=counts.shape)
    return counts


def _nothing(vocabulary: int) -> sparse.csr_matrix:
    cells = (np.zeros(0, dtype=np.float32), (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)))
    return sparse.csr_matrix(cells, shape=(vocabulary, vocabulary))


def _sentences(pairs: Packed, vocabulary: int) -> sparse.csr_matrix:
    """Counts [token, aligned sentence] over all languages of the sentence."""
    tokens, sentences = [], []
    first = 0
    for table in pairs.train.values():
        for number, row in enumerate(table):
            ids = np.concatenate([pairs.line(i) for i in row]).astype(np.int64)
            tokens.append(ids)
            sentences.append(np.full(len(ids), first + number))
        first += len(table)
    rows, columns = np.concatenate(tokens), np.concatenate(sentences)
    values = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((values, (rows, columns)), shape=(vocabulary, first))


def _positive_pmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """max(0, log p(a, b) / (p(a) p(b)^0.75)): smoothing keeps rare contexts from ruling."""
    cells = counts.tocoo()
    own = np.asarray(counts.sum(axis=1)).ravel()
    context = np.asarray(counts.sum(axis=0)).ravel() ** SMOOTHING
    context /= max(context.sum(), 1e-12)
    value = np.log(cells.data / (own[cells.row] * context[cells.col]))
    kept = value > 0
    return sparse.csr_matrix(
        (value[kept].astype(np.float32), (cells.row[kept], cells.col[kept])), shape=counts.shape
    )


def _unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(length, 1e-12)).dot(matrix).tocsr()
