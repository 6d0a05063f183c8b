"""A whole run from stored sums: shape and content of the tables, planted alignment, cancelling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from xviz.alignability.blocks import open_spaces
from xviz.alignability.compute import compute_alignment, read_content, read_facts, read_layers
from xviz.alignability.pair import view_pair
from xviz.alignability.table import COLUMNS
from xviz.errors import Cancelled, InputError
from xviz.journal import Journal

KEY = ["metric", "variant", "null_kind", "layer", "treebank_a", "treebank_b"]


def test_the_table_of_a_run(stored_run: Callable) -> None:
    spec, store = stored_run(disjoint=True)
    table = compute_alignment(spec, store=store)
    assert list(table.columns) == COLUMNS
    assert not table.duplicated(KEY).any()
    assert len(table) == 6 * (6 * 3 + 1)  # pairs x layers, measures x nulls and the score without noise
    assert set(table["null_kind"]) == {"permutation", "lexical", "random_weights", "none"}
    one = table[(table["variant"] == "euclidean/spearman") & (table["null_kind"] == "lexical")]
    means = open_spaces(spec, store)[0].spaces.means().numpy()
    row = one[(one["layer"] == 1) & (one["treebank_b"] == "UD_ccc") & (one["treebank_a"] == "UD_aaa")]
    want = spearmanr(pdist(means[1, 0]), pdist(means[1, 2])).statistic
    assert row["score"].item() == pytest.approx(want, abs=1e-9)
    fit = table[(table["metric"] == "procrustes") & (table["layer"] == 0)].iloc[0]
    assert fit["score"] == pytest.approx(1 - scipy_procrustes(means[0, 0], means[0, 1])[2], abs=1e-9)
    assert (table["n_concepts"] == 7).all()
    assert set(table.loc[table["variant"] == "linear/noise_free", "range"]) <= {"interval", "stability", ""}
    assert len(read_layers(spec, store)) == 3 * 3
    content = read_content(spec, store)
    np.testing.assert_allclose(content["difference"], content["same"] - content["disjoint"])
    assert read_facts(spec, store)["family"] == 6
    again = compute_alignment(spec, store=store)  # from the store
    assert again.equals(table)


def test_planted_alignment_is_significant_and_vectors_without_concepts_are_not(
    stored_run: Callable,
) -> None:
    found = {}
    for signal in (3.0, 0.0):
        spec, store = stored_run(signal=signal, random_weights=5, lexical=99, metrics=("cka",))
        table = compute_alignment(spec, store=store)
        debiased = table[table["variant"] == "linear/debiased"]
        found[signal] = debiased["significant"].mean()
        store.clear()
    assert found[3.0] > 0.8
    assert found[0.0] < 0.2


def test_pairs_may_have_concepts_of_their_own(stored_run: Callable) -> None:
    spec, store = stored_run(concept_set="pair", minimum=150, random_weights=0, metrics=("rsa", "procrustes"))
    table = compute_alignment(spec, store=store)
    assert set(table["concept_set"]) == {"pair"}
    assert not table.duplicated(KEY).any()
    assert table["p_adjusted"].notna().all()


def test_too_few_concepts_are_told_with_names(stored_run: Callable) -> None:
    spec, store = stored_run(minimum=10**6)
    with pytest.raises(InputError, match="ADJ"):
        compute_alignment(spec, store=store)


def test_a_run_that_is_stopped_keeps_nothing(stored_run: Callable) -> None:
    class Stop(Journal):
        def stop_requested(self) -> bool:
            return True

    spec, store = stored_run()
    with pytest.raises(Cancelled):
        compute_alignment(spec, store=store, journal=Stop())
    assert store.find(spec) is None


def test_a_pair_concept_by_concept(stored_run: Callable) -> None:
    spec, store = stored_run(signal=5.0)
    got = view_pair(spec, store, "UD_bbb", "UD_aaa", 1)
    assert got.concepts["concept"].tolist() == sorted(got.concepts["concept"])
    assert got.a.shape == got.b.shape == (7, 5)
    with pytest.raises(InputError, match="Layer 9"):
        view_pair(spec, store, "UD_bbb", "UD_aaa", 9)
    with pytest.raises(InputError, match="UD_zzz"):
        view_pair(spec, store, "UD_bbb", "UD_zzz", 1)
