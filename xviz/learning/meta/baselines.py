"""What a learned map must be compared with: everything cheaper that sees the same data, and the ceiling.

=================== ============================================== =============================
method              prediction for a word x of the target          what it sees of the target
=================== ============================================== =============================
``majority``        the commonest concept of the judged words      the answer (the strictest line)
``lookup``          majority concept of the word's form, else of all  nothing
``direct``          nearest source prototype                       nothing (*)
``probe``           nearest source prototype in the source's probe  nothing (*)
``pooled``          softmax regression on all training languages   nothing (*)
``rotation``        as ``probe``, after a Procrustes rotation      N sentences
``in_language_few_shot``  nearest prototype of the language itself  N sentences
``in_language``     prototype probe of the language itself         its train and dev side (ceiling)
=================== ============================================== =============================

(*) but for the mean and standard deviation of its unlabelled text, where vectors are standardised so.
``lookup`` and ``pooled`` see the source and the training languages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from xviz.concepts.probe import Probe, Split, scores, train_probe
from xviz.concepts.prototypes import prototypes
from xviz.concepts.spec import ProbeSettings
from xviz.learning.meta.languages import Language, Side

RIDGE = 1e-3
SHRINKAGE = 1.0
POOLED_EPOCHS, POOLED_BATCH = 8, 256
POOLED_RATES = (1e-3, 1e-2)


def fit_probe(language: Language, names: tuple[str, ...], *, concepts: str, settings: ProbeSettings) -> Probe:
    """The prototype probe of a language, chosen on its dev side (METHODS.md section 2)."""
    return train_probe(
        _split(language.train), _split(language.dev), names, settings=settings, concepts=concepts
    )


def majority(test: Side) -> Int[np.ndarray, " rows"]:
    """The commonest concept of the words that are judged, for each of them."""
    counted = test.codes[test.codes >= 0]
    return np.full(len(test.codes), np.bincount(counted).argmax() if len(counted) else 0)


def nearest(
    z: Float[np.ndarray, "rows dim"], places: Float[np.ndarray, "concepts dim"]
) -> Int[np.ndarray, " rows"]:
    """The nearest of ``places`` to each row; a place of NaN is nobody's."""
    logits = scores(
        torch.from_numpy(np.asarray(z, np.float32))[None],
        torch.from_numpy(np.nan_to_num(places, nan=0.0).astype(np.float32))[None],
    )[0]
    logits[:, torch.from_numpy(np.isnan(places).any(1))] = -torch.inf
    return logits.argmax(-1).numpy()


def lookup(teachers: Sequence[Language], test: Side) -> Int[np.ndarray, " rows"]:
    """The majority concept of each form in the teachers' train sides; of all words for an unknown form."""
    import pandas as pd

    forms = np.concatenate([teacher.train.forms for teacher in teachers])
    codes = np.concatenate([teacher.train.codes for teacher in teachers])
    seen = pd.DataFrame({"form": forms, "code": codes})[codes >= 0]
    counts = seen.value_counts().reset_index(name="n").sort_values(["n", "code"], ascending=[False, True])
    of_form = counts.drop_duplicates("form").set_index("form")["code"]
    everywhere = int(np.bincount(codes[codes >= 0]).argmax())
    return pd.Series(test.forms).map(of_form).fillna(everywhere).to_numpy(np.int64)


class Pooled:
    """Softmax regression on the words of all teachers, each language with the same weight.

    ``p(k | x) = softmax_k(x W + b)``, Adam on batches of words drawn language by language; the learning rates
    of :data:`POOLED_RATES` are trained side by side, and rate and epoch are those that are best on the
    teachers' dev sides.
    """

    def __init__(self, teachers: Sequence[Language], concepts: int, *, seed: int = 0):
        rows = [np.flatnonzero(teacher.train.codes >= 0) for teacher in teachers]
        x = torch.from_numpy(
            np.concatenate([t.train.vectors[r] for t, r in zip(teachers, rows, strict=True)])
        )
        y = torch.from_numpy(np.concatenate([t.train.codes[r] for t, r in zip(teachers, rows, strict=True)]))
        share = torch.from_numpy(np.concatenate([np.full(len(r), 1 / max(1, len(r))) for r in rows]))
        generator = torch.Generator().manual_seed(seed)
        W = torch.zeros(len(POOLED_RATES), x.shape[1], concepts).split(1)
        b = torch.zeros(len(POOLED_RATES), 1, concepts).split(1)
        weights = [
            [w.clone().requires_grad_(), c.clone().requires_grad_()] for w, c in zip(W, b, strict=True)
        ]
        optimiser = torch.optim.Adam(
            [{"params": pair, "lr": rate} for pair, rate in zip(weights, POOLED_RATES, strict=True)]
        )
        best = -1.0
        for _ in range(POOLED_EPOCHS):
            order = torch.multinomial(share, len(share), replacement=True, generator=generator)
            for batch in order.split(POOLED_BATCH):
                loss = torch.zeros(())
                for w, c in weights:  # each rate sees the gradient of its own loss alone
                    logits = x[batch] @ w[0] + c[0]
                    loss = loss + torch.nn.functional.cross_entropy(logits, y[batch])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
            for w, c in weights:
                self.W, self.b = w[0].detach().numpy(), c[0].detach().numpy()
                right = [np.mean(self.predict(t.dev)[t.dev.codes >= 0] == _labelled(t)) for t in teachers]
                if np.mean(right) > best:
                    best, kept = float(np.mean(right)), (self.W.copy(), self.b.copy())
        self.W, self.b = kept

    def predict(self, side: Side) -> Int[np.ndarray, " rows"]:
        """The likeliest concept of each word."""
        return (side.vectors @ self.W + self.b).argmax(-1)


def rotation(
    few: Side, sentences: Int[np.ndarray, " shots"], test: Side, probe: Probe
) -> Int[np.ndarray, " rows"]:
    """The source's probe, after the rotation that takes the few-shot prototypes to those of the source."""
    rows = few.rows(sentences)
    means, counts = prototypes(few.vectors[rows], few.codes[rows], len(probe.names))
    both = (counts > 0) & (probe.counts > 0)
    if both.sum() < 2:
        return probe.predict(test.vectors)
    P, C = means[both], probe.prototypes[both].astype(np.float64)
    x = test.vectors - P.mean(0)
    basis, R = procrustes(P - P.mean(0), C - C.mean(0))
    inside = x @ basis
    return probe.predict((x + (inside @ R - inside) @ basis.T + C.mean(0)).astype(np.float32))


def procrustes(
    P: Float[np.ndarray, "concepts dim"], C: Float[np.ndarray, "concepts dim"]
) -> tuple[Float[np.ndarray, "dim r"], Float[np.ndarray, "r r"]]:
    """``argmin ||P R - C||^2`` over orthogonal R, as a rotation within the span of P and C.

    A handful of prototypes does not determine a rotation of many dimensions; of the best the one nearest to
    the identity is taken: the polar factor of ``P^T C + ridge I``, which is the identity outside the span.

    Returns:
        An orthonormal basis B of the span and the rotation S in it: ``R = I + B (S - I) B^T``.
    """
    basis, size, _ = np.linalg.svd(np.concatenate([P, C]).T, full_matrices=False)
    basis = basis[:, size > RIDGE * size[0]]
    product = (P @ basis).T @ (C @ basis)
    left, _, right = np.linalg.svd(product + RIDGE * np.linalg.norm(product, 2) * np.eye(len(product)))
    return basis, left @ right


def own_prototypes(
    few: Side, sentences: Int[np.ndarray, " shots"], test: Side, concepts: int
) -> Int[np.ndarray, " rows"]:
    """Nearest prototype of the language itself, from its few sentences alone: what N labels bring unaided.

    Means of few words are drawn towards the mean of all by :data:`SHRINKAGE` words.
    """
    rows = few.rows(sentences)
    if not len(rows):
        return majority(test)
    means, counts = prototypes(few.vectors[rows], few.codes[rows], concepts)
    everywhere = few.vectors[rows].mean(0, dtype=np.float64)
    share = (counts / (counts + SHRINKAGE))[:, None]
    return nearest(test.vectors, share * means + (1 - share) * everywhere)


def _split(side: Side) -> Split:
    return Split(side.vectors, np.maximum(side.codes, -1), side.sentence)


def _labelled(language: Language) -> Int[np.ndarray, " rows"]:
    return language.dev.codes[language.dev.codes >= 0]
