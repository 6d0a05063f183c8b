"""Exact neighbours, typical words and skeletons, each against a naive reference in double precision."""

import itertools

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from xviz.concepts.space import read_probe
from xviz.concepts.spec import ConceptSpaceSpec, ProbeSettings
from xviz.corpora.folder import choose
from xviz.errors import InputError
from xviz.models.spec import ModelRef
from xviz.projection.gather import gather, open_source
from xviz.projection.judged import accuracy_by_source, judged
from xviz.projection.maps import ALL, prototype_vectors, read_map
from xviz.projection.nearest import nearest, rank_of_translations
from xviz.projection.skeleton import shifts_of, skeleton, spanning_tree
from xviz.projection.typical import concept_words
from xviz.representations.opened import open_representations
from xviz.representations.spec import WordVectorsSpec


def every(spec, store) -> list[np.ndarray]:
    """All vectors of each source, read without the code under test."""
    found = []
    for source in spec.sources:
        vectors = open_representations(source, store=store).vectors().astype(np.float64)
        found.append(vectors)
    return found


def naive(vectors: list[np.ndarray], source: int, row: int, allowed) -> list[tuple[float, int, int]]:
    point = vectors[source][row]
    rows = [
        (float(np.linalg.norm(vector - point)), number, place)
        for number, part in enumerate(vectors)
        for place, vector in enumerate(part)
        if (number, place) != (source, row) and allowed(number, place)
    ]
    return sorted(rows)


@pytest.mark.parametrize("among", ["all", "languages", "forms"])
def test_neighbours_are_those_of_a_naive_search_over_every_word(ground, among: str) -> None:
    spec = ground.chart(1)
    vectors = every(spec, ground.store)
    forms = [open_representations(s, store=ground.store).words["form"].str.casefold() for s in spec.sources]
    for source, row in [(0, 0), (2, 117)]:
        allowed = {
            "all": lambda number, place: True,
            "languages": lambda number, place, own=source: number != own,
            "forms": lambda number, place, own=source, r=row: forms[number][place] != forms[own][r],
        }[among]
        found = nearest(spec, source, row, k=9, among=among, store=ground.store)
        expected = naive(vectors, source, row, allowed)
        assert found.searched == len(expected)
        assert found.median == pytest.approx(np.median([d for d, *_ in expected]), rel=1e-4)
        assert found.table["distance"].tolist() == pytest.approx([d for d, *_ in expected[:9]], rel=1e-3)
        ends = [(n, p) for d, n, p in expected if d <= expected[8][0] * (1 + 1e-3)]
        assert set(found.table[["source", "row"]].itertuples(index=False, name=None)) <= set(ends)


def test_blocks_change_nothing(ground, monkeypatch) -> None:
    spec = ground.chart(1)
    whole = nearest(spec, 1, 5, store=ground.store)
    monkeypatch.setattr("xviz.projection.gather.BLOCK_ELEMENTS", 32 * 7)
    parts = nearest(spec, 1, 5, store=ground.store)
    assert parts.searched == whole.searched
    assert parts.table.equals(whole.table)
    assert concept_words(spec, "VERB", ground.store).languages["spread_of_all"].tolist() == pytest.approx(
        [_spread_of(spec, n, ground.store) for n in range(3)]
    )


def _spread_of(spec, number: int, store) -> float:
    vectors = open_representations(spec.sources[number], store=store).vectors().astype(float)
    return float(np.sqrt(vectors.var(axis=0).sum()))


def test_neighbours_of_relations_and_of_centred_words(ground) -> None:
    spec = ground.chart(1, unit="relations", concepts="deprel")
    source = open_source(spec, 1, ground.store)
    row = int(source.table["row"].iloc[5])
    all_of_them = [open_source(spec, n, ground.store) for n in range(3)]
    points = np.concatenate([s.vectors(np.arange(len(s))) for s in all_of_them]).astype(float)
    place = len(all_of_them[0]) + 5
    apart = np.delete(cdist(points[place : place + 1], points)[0], place)
    found = nearest(spec, 1, row, k=4, store=ground.store)
    assert found.table["distance"].tolist() == pytest.approx(np.sort(apart)[:4].tolist(), rel=1e-3)

    roots = set(range(len(open_representations(spec.sources[1], store=ground.store).words)))
    root = min(roots - set(source.table["row"]))
    with pytest.raises(InputError, match="no such relation"):
        nearest(spec, 1, root, store=ground.store)

    centred = ground.chart(1, centring="language")
    shifted = [
        part - part[source.drawn()].mean(axis=0)
        for part, source in zip(
            every(centred, ground.store),
            [open_source(centred, n, ground.store) for n in range(3)],
            strict=True,
        )
    ]
    found = nearest(centred, 0, 3, k=5, among="languages", store=ground.store)
    expected = naive(shifted, 0, 3, lambda number, place: number != 0)
    assert found.table["distance"].tolist() == pytest.approx([d for d, *_ in expected[:5]], rel=1e-3)


def test_a_sentence_knows_its_translations(ground) -> None:
    spec = ground.chart(1, unit="sentences")
    ground.compute(spec)
    chart = read_map(ground.store, spec)
    assert len(chart.prototypes) == 0
    opened = [open_representations(s, store=ground.store) for s in spec.sources]
    means = [o.sentence_vectors(pooling="mean").astype(float) for o in opened]
    assert np.allclose(gather(spec, ground.store).vectors, np.concatenate(means), atol=1e-3)
    found = rank_of_translations(spec, 0, 4, store=ground.store)
    sent_id = opened[0].sentences["sent_id"].iloc[4]
    for row in found.itertuples():
        ids = opened[row.source].sentences["sent_id"].tolist()
        apart = np.linalg.norm(means[row.source] - means[0][4], axis=1)
        assert ids[row.row] == sent_id
        assert row.rank == 1 + (apart < apart[row.row] - 1e-6).sum()
        assert row.of == len(ids)
    assert found["source"].tolist() == [1, 2]


def test_a_concept_is_counted_spread_and_its_words_are_ranked(ground) -> None:
    spec = ground.chart(1)
    found = concept_words(spec, "NOUN", ground.store)
    for row in found.languages.itertuples():
        words = open_representations(spec.sources[row.source], store=ground.store)
        nouns = words.words["upos"].to_numpy() == "NOUN"
        vectors = words.vectors().astype(float)
        apart = np.linalg.norm(vectors[nouns] - vectors[nouns].mean(axis=0), axis=1)
        assert row.count == nouns.sum()
        assert row.spread == pytest.approx(np.sqrt((apart**2).mean()), rel=1e-4)
        assert row.spread_of_all == pytest.approx(np.sqrt(vectors.var(axis=0).sum()), rel=1e-4)
        counts = words.words.loc[nouns, "form"].str.lower().value_counts()
        assert row.commonest[0][1] == counts.max()
        mine = found.words[found.words["source"] == row.source]
        assert mine["distance"].to_numpy() == pytest.approx(np.sort(apart), rel=1e-4)
        assert mine["form"].iloc[0] == words.words["form"][mine["row"].iloc[0]]
    with pytest.raises(InputError, match="No word of these treebanks is GERUND"):
        concept_words(spec, "GERUND", ground.store)


def test_the_spanning_tree_is_that_of_an_independent_implementation() -> None:
    points = np.random.default_rng(4).normal(size=(17, 12))
    edges, lengths = spanning_tree(points)
    graph = nx.Graph()
    for i, j in itertools.combinations(range(17), 2):
        graph.add_edge(i, j, weight=float(np.linalg.norm(points[i] - points[j])))
    reference = nx.minimum_spanning_tree(graph)
    assert {tuple(sorted(edge)) for edge in edges.tolist()} == {tuple(sorted(e)) for e in reference.edges}
    assert lengths.sum() == pytest.approx(reference.size(weight="weight"))
    assert (np.diff(lengths) >= 0).all()
    twins = np.zeros((3, 2))
    assert len(spanning_tree(twins)[0]) == 2, "equal prototypes are joined as well"
    assert len(spanning_tree(points[:1])[0]) == 0


def test_the_skeleton_joins_prototypes_by_their_distance_in_the_full_space(ground) -> None:
    spec = ground.chart(1)
    ground.compute(spec)
    table, vectors = prototype_vectors(spec, shifts_of(spec, ground.store), ground.store)
    over_all = skeleton(spec, ground.store)
    by_name = {table["concept"][i]: vectors[i] for i in table.index[table["source"] == ALL]}
    assert len(over_all) == len(by_name) - 1
    for edge in over_all.itertuples():
        assert edge.distance == pytest.approx(np.linalg.norm(by_name[edge.one] - by_name[edge.other]))
    each = skeleton(spec, ground.store, each=True)
    assert set(each["source"]) == {0, 1, 2}


@pytest.fixture(scope="module")
def probe(ground) -> ConceptSpaceSpec:
    def vectors(split: str) -> WordVectorsSpec:
        (treebank,) = choose("sample", ["English-Sample"], split=split)
        return WordVectorsSpec(
            model=ModelRef(name=str(ground.model)), treebank=treebank, layer=1, pooling="first"
        )

    return ConceptSpaceSpec(
        vectors=vectors("train"),
        dev=vectors("dev"),
        space="probe",
        probe=ProbeSettings(epochs=1, learning_rates=(1e-2,)),
    )


def test_a_map_through_a_probe_shows_what_the_probe_sees(ground, probe) -> None:
    spec = ground.chart(1, probe=probe)
    ground.compute(spec)
    trained = read_probe(probe, ground.store)
    points = gather(spec, ground.store)
    raw = gather(ground.chart(1), ground.store)
    assert points.vectors.shape[1] == trained.A.shape[1]
    assert np.allclose(points.vectors, trained.project(raw.vectors), atol=1e-4)
    table, vectors = prototype_vectors(spec, points.shifts, ground.store)
    german = open_representations(spec.sources[1], store=ground.store)
    verbs = german.words["upos"].to_numpy() == "VERB"
    row = table.query("source == 1 and concept == 'VERB'").index[0]
    mean = trained.project(german.vectors()[verbs].astype(np.float32)).mean(axis=0)
    assert np.allclose(vectors[row], mean, atol=1e-3), "the mean of the projected is the projected mean"
    assert spec.key != ground.chart(1).key
    with pytest.raises(ValueError, match="does not read relations"):
        ground.chart(1, probe=probe, unit="relations", concepts="deprel")


def test_a_probe_judges_every_word_of_every_language(ground, probe) -> None:
    spec = ground.chart(1, centring="language")
    ground.compute(probe)
    table = judged(spec, probe, ground.store)
    trained = read_probe(probe, ground.store)
    arabic = open_representations(spec.sources[2], store=ground.store)
    mine = table[table["source"] == 2]
    z = trained.project(arabic.vectors().astype(np.float32))
    apart = np.linalg.norm(z[:, None] - trained.space[None], axis=2)
    said = np.array(trained.names, object)[apart.argmin(axis=1)]
    assert (mine["said"].to_numpy() == said).mean() > 0.999, "but for ties in rounding"
    assert mine["annotated"].tolist() == arabic.words["upos"].tolist()
    accuracy = accuracy_by_source(table).set_index("source")
    hits = (said == arabic.words["upos"].to_numpy()).mean()
    assert accuracy.loc[2, "accuracy"] == pytest.approx(hits, abs=2e-3)
    assert accuracy.loc[2, "low"] < hits < accuracy.loc[2, "high"]
    assert accuracy.loc[2, "n"] == len(arabic.words)
