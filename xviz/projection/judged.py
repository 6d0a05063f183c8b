"""Is the prototype probe of one language right about the words of every language?

The probe (METHODS.md, section 2) is trained on one language; each word, of whatever language, takes the
concept whose prototype of *that* language is nearest in the probe's subspace. This is paper A's transfer
without any learning ("direct"): a concept that the probe never met is counted as an error.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xviz.concepts.probe import wilson
from xviz.concepts.space import read_probe
from xviz.concepts.spec import ConceptSpaceSpec
from xviz.projection.gather import names_of_concepts, open_source
from xviz.projection.spec import MapSpec
from xviz.store import Store


def judged(spec: MapSpec, probe: ConceptSpaceSpec, store: Store) -> pd.DataFrame:
    """What the probe says of every unit of a map's sources: ``source``, ``row``, ``said``, ``annotated``.

    ``annotated`` is "" where the annotation says nothing; such units can be neither right nor wrong.

    Raises:
        NotHere: vectors have not been computed.
    """
    trained = read_probe(probe, store)
    names = np.array(trained.names, dtype=object)
    as_it_is = spec.model_copy(update={"probe": None, "centring": "none"})
    parts = []
    for number in range(len(spec.sources)):
        source = open_source(as_it_is, number, store)
        said = np.concatenate([names[trained.predict(block)] for _, block in source.blocks()])
        parts.append(
            pd.DataFrame(
                {
                    "source": number,
                    "row": source.table["row"].to_numpy(),
                    "said": said,
                    "annotated": names_of_concepts(source.table, probe.concepts),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def accuracy_by_source(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of :func:`judged` units: ``source``, ``n``, ``accuracy``, ``low``, ``high``, ``majority``.

    A Wilson interval of 95 % over units; ``majority``: the share of the source's commonest concept.
    """
    rows = []
    for source, part in table[table["annotated"] != ""].groupby("source"):
        hits, n = int((part["said"] == part["annotated"]).sum()), len(part)
        low, high = wilson(hits, n)
        majority = float(part["annotated"].value_counts().iloc[0] / n)
        row = {"source": source, "n": n, "accuracy": hits / n, "low": low, "high": high}
        rows.append(row | {"majority": majority})
    return pd.DataFrame(rows, columns=["source", "n", "accuracy", "low", "high", "majority"])
