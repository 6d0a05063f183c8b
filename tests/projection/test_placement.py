"""New vectors on a map that is there: exact on principal components, amid their neighbours otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xviz.projection.maps import read_map
from xviz.projection.placement import NEAREST, Placement, placement
from xviz.projection.spec import MapSpec
from xviz.runs.steps import compute


@pytest.mark.parametrize("dims", [2, 3])
def test_words_of_the_map_fall_on_their_own_places(ground, dims: int) -> None:
    start = MapSpec(sources=ground.sources(0), sample=60, dims=dims)
    spec = MapSpec(sources=ground.sources(2), sample=60, dims=dims, start=start)
    compute([spec], store=ground.store)
    put = placement(spec, ground.store)
    expected = read_map(ground.store, spec).points[list("xyz"[:dims])].to_numpy()
    np.testing.assert_allclose(put.place(put.points.vectors), expected, atol=1e-4)
    assert put.how() == "Typed words are projected exactly."


def test_on_a_map_centred_by_language_a_word_is_centred_by_its_own_or_by_the_mean_of_all(ground) -> None:
    spec = MapSpec(sources=ground.sources(1), sample=60, centring="language")
    compute([spec], store=ground.store)
    put = placement(spec, ground.store)
    chart = read_map(ground.store, spec).points[["x", "y"]].to_numpy()
    for source, shift in enumerate(put.points.shifts):
        mine = put.points.source == source
        raw = put.points.vectors[mine] + shift
        np.testing.assert_allclose(put.place(raw, source=source), chart[mine], atol=1e-4)
    raw = put.points.vectors + put.points.shifts.mean(axis=0)
    np.testing.assert_allclose(put.place(raw), chart, atol=1e-4)
    assert "of their language" in put.how(source=1)
    assert "theirs is not known" in put.how()


def test_without_principal_components_a_vector_stands_amid_its_nearest_words() -> None:
    from xviz.projection.gather import Points

    rng = np.random.default_rng(0)
    known, layout = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(40, 2))
    zero = np.zeros(40, np.int32)
    points = Points(known, zero, zero, np.zeros((1, 6), np.float32), zero, ("a",))
    put = Placement(points, layout, None)
    vector = rng.normal(size=6)
    found = put.place(vector[None])[0]
    table = pd.DataFrame({"d": [float(np.sqrt(((k - vector) ** 2).sum())) for k in known]}).nsmallest(
        NEAREST, "d"
    )
    total = sum(1 / d for d in table["d"])
    expected = sum(layout[i] / row.d for i, row in table.iterrows()) / total
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(put.place(known[3:4])[0], layout[3], atol=1e-6)
    assert "no exact place" in put.how()
