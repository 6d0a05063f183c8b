"""One concept of a map: how often, how spread, its commonest words, its most and least typical ones.

The **distance** of a word is that to the prototype of its own language, euclidean, in the full space of the
map. The **spread** of a concept in a language is the root mean square of these distances; it stands beside
the spread of all words of the language around their mean, since a concept half as spread as the language
says more than any number of units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xviz.concepts.space import read_probe
from xviz.errors import InputError
from xviz.projection.gather import Source, names_of_concepts, open_source
from xviz.projection.spec import MapSpec
from xviz.store import Store

COMMONEST = 6


@dataclass(frozen=True)
class ConceptWords:
    """What is known of one concept.

    ``languages``: a row a source that has it: ``source``, ``count``, ``spread``, ``spread_of_all`` (of all
    its words), ``forms`` (distinct, in lower case), ``commonest`` (list of form and count).
    ``words``: every word: ``source``, ``row``, ``form``, ``distance``, nearest to its prototype first.
    """

    concept: str
    languages: pd.DataFrame
    words: pd.DataFrame


def concept_words(spec: MapSpec, concept: str, store: Store) -> ConceptWords:
    """The words of a concept in every source of a map (all of them, not only those that were drawn).

    Raises:
        InputError: no word of the map's treebanks has this concept.
        NotHere: vectors have not been computed.
    """
    probe = read_probe(spec.probe, store) if spec.probe is not None else None
    rows, words = [], []
    for number in range(len(spec.sources)):
        source = open_source(spec, number, store, probe=probe)
        places = np.flatnonzero(names_of_concepts(source.table, spec.concepts) == concept)
        if len(places) == 0:
            continue
        vectors = source.vectors(places)
        apart = np.linalg.norm(vectors - vectors.mean(axis=0, dtype=np.float64), axis=1)
        units = source.table.iloc[places]
        forms = units["form"].astype(str)
        common = forms.str.lower().value_counts()
        rows.append(
            {
                "source": number,
                "count": len(places),
                "spread": float(np.sqrt((apart**2).mean())),
                "spread_of_all": _spread(source),
                "forms": len(common),
                "commonest": list(
                    zip(common.index[:COMMONEST], common.iloc[:COMMONEST].tolist(), strict=True)
                ),
            }
        )
        words.append(
            pd.DataFrame(
                {
                    "source": number,
                    "row": units["row"].to_numpy(),
                    "form": forms.to_numpy(),
                    "distance": apart,
                }
            )
        )
    if not rows:
        raise InputError(f"No word of these treebanks is {concept}.")
    table = pd.concat(words, ignore_index=True).sort_values("distance", kind="stable")
    return ConceptWords(concept, pd.DataFrame(rows), table.reset_index(drop=True))


def _spread(source: Source) -> float:
    """Root mean square distance of all units from their mean, in one pass."""
    total, squares, count = np.zeros(len(source.shift)), 0.0, 0
    for _, block in source.blocks():
        wide = block.astype(np.float64)
        total = total + wide.sum(axis=0)
        squares += float((wide**2).sum())
        count += len(wide)
    mean = total / count
    return float(np.sqrt(max(squares / count - float(mean @ mean), 0.0)))
