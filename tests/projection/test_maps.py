import json

import numpy as np
import pandas as pd
import pytest

from xviz.concepts.space import read_space
from xviz.errors import XvizError
from xviz.projection.gather import draw, gather
from xviz.projection.maps import ALL, LEAST_COUNT, read_map, read_quality
from xviz.projection.quality import trustworthiness
from xviz.projection.spec import MapQualitySpec
from xviz.representations.opened import open_representations
from xviz.representations.relations import relations


def coordinates(table: pd.DataFrame) -> np.ndarray:
    return table[[c for c in "xyz" if c in table]].to_numpy()


def test_the_same_words_are_drawn_in_every_layer_and_beside_any_treebank(ground) -> None:
    here, there = gather(ground.chart(0), ground.store), gather(ground.chart(2), ground.store)
    assert np.array_equal(here.word, there.word)
    alone = gather(ground.chart(0, names=("German-Sample",)), ground.store)
    assert np.array_equal(alone.word, here.word[here.source == 1])
    assert not np.array_equal(draw(1000, 200, seed=0, name="a"), draw(1000, 200, seed=1, name="a"))
    assert draw(30, 200, seed=0, name="a").tolist() == list(range(30))


def test_points_are_the_vectors_and_labels_of_their_words(ground) -> None:
    spec = ground.chart(1)
    points = gather(spec, ground.store)
    for number, source in enumerate(spec.sources):
        opened = open_representations(source, store=ground.store)
        mine = points.source == number
        rows = points.word[mine]
        assert mine.sum() == min(200, len(opened.words))
        assert np.array_equal(points.vectors[mine], opened.vectors()[rows].astype(np.float32))
        named = [points.names[code] for code in points.codes[mine]]
        assert named == opened.words["upos"].iloc[rows].tolist()


def test_relations_are_head_minus_dependent(ground) -> None:
    spec = ground.chart(1, names=("German-Sample",), unit="relations", concepts="deprel")
    points = gather(spec, ground.store)
    opened = open_representations(spec.sources[0], store=ground.store)
    all_of_them = relations(opened)
    place = {row: i for i, row in enumerate(all_of_them.table["row"])}
    expected = all_of_them.vectors()[[place[row] for row in points.word]]
    assert np.array_equal(points.vectors, expected)
    assert "root" not in points.names


def test_centring_takes_each_language_s_mean_away(ground) -> None:
    points = gather(ground.chart(1, centring="language"), ground.store)
    for number in range(3):
        assert np.abs(points.vectors[points.source == number].mean(axis=0)).max() < 1e-4


def test_a_map_of_principal_components_with_exact_prototypes(ground) -> None:
    spec = ground.chart(1, dims=3)
    ground.compute(spec)
    chart = read_map(ground.store, spec)
    points = gather(spec, ground.store).vectors.astype(float)
    centred = points - points.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign((centred @ axes[:3].T * coordinates(chart.points)).sum(axis=0))
    assert np.allclose(coordinates(chart.points), centred @ axes[:3].T * signs, atol=1e-4)
    assert chart.facts["shares_of_variance"] == pytest.approx((singular**2 / (singular**2).sum())[:3])
    space = read_space(spec.spaces()[0], ground.store)
    row = chart.prototypes.query("source == 0 and concept == 'NOUN'").iloc[0]
    prototype = space.prototypes[space.names.index("NOUN")]
    assert row["count"] == space.counts[space.names.index("NOUN")]
    assert np.allclose(
        row[["x", "y", "z"]].to_numpy(float), (prototype - points.mean(0)) @ axes[:3].T * signs, atol=1e-3
    )


def test_the_prototype_over_all_counts_each_language_once_and_leaves_out_rare_ones(ground) -> None:
    spec = ground.chart(1)
    ground.compute(spec)
    prototypes = read_map(ground.store, spec).prototypes
    for concept, rows in prototypes.groupby("concept"):
        each, over_all = rows[rows["source"] != ALL], rows[rows["source"] == ALL]
        enough = each[each["count"] >= LEAST_COUNT]
        assert len(over_all) == (len(enough) > 0), concept
        if len(enough):
            assert np.allclose(coordinates(over_all)[0], coordinates(enough).mean(axis=0), atol=1e-6)
    assert (prototypes["source"] == ALL).sum() < prototypes["concept"].nunique() + 1


def test_centred_prototypes_move_with_their_points(ground) -> None:
    spec = ground.chart(1, centring="language")
    ground.compute(spec)
    chart = read_map(ground.store, spec)
    points = gather(spec, ground.store)
    for number in range(3):
        nouns = (points.source == number) & (points.codes == points.names.index("NOUN"))
        drawn = coordinates(chart.points)[nouns]
        placed = coordinates(chart.prototypes.query(f"source == {number} and concept == 'NOUN'"))[0]
        assert (
            np.linalg.norm(drawn.mean(axis=0) - placed)
            < 4 * drawn.std(axis=0).max() / np.sqrt(len(drawn)) + 0.1
        )


def test_axes_of_another_layer_point_the_same_way(ground) -> None:
    anchor = ground.chart(1)
    for layer in (0, 2):
        spec = ground.chart(layer, start=anchor)
        ground.compute(spec)
        here = coordinates(read_map(ground.store, spec).points)
        there = coordinates(read_map(ground.store, anchor).points)
        assert ((here - here.mean(0)) * (there - there.mean(0))).sum(axis=0).min() >= 0


def test_quality_is_measured_and_principal_components_need_no_seed(ground) -> None:
    spec = ground.chart(1)
    wanted = MapQualitySpec(map=spec)
    assert read_quality(ground.store, wanted) is None
    ground.compute(wanted)
    measures = read_quality(ground.store, wanted)
    points, plane = gather(spec, ground.store), coordinates(read_map(ground.store, spec).points)
    assert measures["trustworthiness"]["value"] == pytest.approx(trustworthiness(points.vectors, plane).value)
    assert measures["stability"] is None
    assert 0 < measures["concept_purity"]["chance"] < measures["concept_purity"]["full_space"] <= 1
    assert measures["language_purity"]["chance"] == pytest.approx(1 / 3, abs=0.01)


def test_a_map_that_is_not_there_is_told_in_a_sentence(ground) -> None:
    with pytest.raises(XvizError, match="not in the store"):
        read_map(ground.store, ground.chart(1, seed=99))


@pytest.mark.slow
def test_umap_follows_the_seed_shares_its_neighbours_and_is_turned_onto_its_start(ground, tmp_path) -> None:
    from xviz.store import Store

    anchor = ground.chart(1, method="umap")
    spec = ground.chart(2, method="umap", start=anchor)
    wanted = MapQualitySpec(map=spec)
    ground.compute(anchor, spec, wanted)
    chart = read_map(ground.store, spec)
    assert chart.points["x"].notna().all()
    assert chart.facts["shares_of_variance"] is None

    before = len(ground.store.entries("layout"))
    relabelled = ground.chart(2, method="umap", start=anchor, concepts="feats:Number")
    ground.compute(relabelled)
    assert len(ground.store.entries("layout")) == before, "another kind of concept needs no other layout"
    assert np.array_equal(coordinates(read_map(ground.store, relabelled).points), coordinates(chart.points))

    again = Store(tmp_path / "again")
    for kind in ("treebank", "words", "word_vectors", "concept_space"):
        (again.root / kind).parent.mkdir(parents=True, exist_ok=True)
        (again.root / kind).symlink_to(ground.store.root / kind)
    from xviz.runs.steps import compute

    compute([spec], store=again)
    assert np.allclose(coordinates(read_map(again, spec).points), coordinates(chart.points))

    from scipy.linalg import orthogonal_procrustes

    fixed = coordinates(read_map(ground.store, anchor).points)
    rotation, _ = orthogonal_procrustes(
        coordinates(chart.points) - coordinates(chart.points).mean(0), fixed - fixed.mean(0)
    )
    assert np.allclose(rotation, np.eye(2), atol=1e-6)
    stability = read_quality(ground.store, wanted)["stability"]
    assert stability["chance_overlap"] < stability["neighbour_overlap"] < 1
    assert 0 < stability["disparity"] < 1
    neighbours = ground.store.entries("neighbours")
    assert json.loads(neighbours[0].file("entry.json").read_text())["kind"] == "neighbours"
