"""A card on the sample: its tables against naive references, its reruns, and what is left out.

German-Sample of the test data is a copy of the English one: what is the same must be found, and score 1.
"""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import spearmanr
from typer.testing import CliRunner

from xviz.cli.application import application
from xviz.concepts.annotation import label
from xviz.corpora.folder import SAMPLE
from xviz.corpora.partition import side_of
from xviz.errors import Cancelled, InputError
from xviz.evaluation.card.measure import TABLES, read_card
from xviz.evaluation.card.readme import BEGIN, END, write_section
from xviz.evaluation.card.treebanks import card_spec
from xviz.evaluation.spec import CardSpec
from xviz.journal import Journal
from xviz.representations.opened import open_representations, open_vectors
from xviz.runs.steps import compute, from_json, to_json
from xviz.store import Store

LIMIT = 45
COPY, REAL = "UD_German-Sample", "UD_Turkish-Sample"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ud")
    for name in ("UD_English-Sample", REAL):
        shutil.copytree(SAMPLE / name, folder / name)
    (folder / COPY).mkdir()
    for file in (SAMPLE / "UD_English-Sample").glob("*.conllu"):
        shutil.copy(file, folder / COPY / file.name.replace("en_", "de_"))
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def spec(tiny_with_head, data) -> CardSpec:
    whole = card_spec(str(tiny_with_head("llama")), data, random_weights=2, limit=LIMIT)
    english = whole.english.model_copy(
        update={
            side: getattr(whole.english, side).model_copy(update={"limit": 25}) for side in ("dev", "test")
        }
    )
    return whole.model_copy(update={"english": english, "permutations": 100, "draws": 50, "minimum": 3})


@pytest.fixture(scope="module")
def measured(spec, store) -> tuple[dict, dict[str, pd.DataFrame]]:
    compute([spec], store=store)
    return read_card(spec, store)


def test_every_table_is_there_with_random_weights_beside(spec, measured) -> None:
    card, tables = measured
    assert tuple(card["tables"]) == TABLES
    for table in tables.values():
        assert set(table["arm"]) == {"untuned", "random_weights"}
        assert sorted(table["seed"].dropna().unique()) == [0, 1]
    assert card["without"] == []
    assert card["settings"]["limit"] == LIMIT
    assert all(
        len(head["random_weights"]) == 2 for name, head in card["headlines"].items() if name != "agreement"
    )


def test_a_specification_survives_its_way_through_a_run_folder(spec) -> None:
    again = from_json(json.loads(json.dumps(to_json(spec))))
    assert again == spec
    assert again.key == spec.key


def test_a_rerun_makes_no_forward_pass_and_gives_the_same_bytes(spec, store, measured) -> None:
    entry = store.find(spec)
    before = {p.name: p.read_bytes() for p in entry.folder.iterdir() if p.name != "entry.json"}
    store.clear(kind="card")

    def no_network(ref, dtype):
        raise AssertionError(f"{ref} was loaded")

    compute([spec], store=store, load=no_network)
    after = {p.name: p.read_bytes() for p in store.find(spec).folder.iterdir() if p.name != "entry.json"}
    assert before == after
    assert {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")} <= set(after)


def test_language_modelling_rows_are_sums_of_the_sentences(spec, measured) -> None:
    table = measured[1]["language_modelling"]
    assert set(table["language"]) == {"eng", "deu", "tur"}
    assert set(table["task"]) == {"bits_per_byte"}
    unigram = table[table["method"] == "unigram"]
    assert (unigram["arm"] == "untuned").all()
    english, copy = (
        table[table["language"] == iso].drop(columns=["language", "treebank"]) for iso in ("eng", "deu")
    )
    pd.testing.assert_frame_equal(english.reset_index(drop=True), copy.reset_index(drop=True))
    assert (table["low"] <= table["score"]).all()
    assert (table["score"] <= table["high"]).all()


def test_probe_table_has_every_layer_and_its_layer_is_the_best_on_dev(spec, measured) -> None:
    card, tables = measured
    table = tables["probe"]
    assert sorted(table["layer"].dropna().unique()) == [0, 1, 2]
    assert {"probe", "control", "selectivity", "lookup", "majority"} == set(table["method"])
    assert {"all", "without PUNCT", "unseen forms"} == set(table["subset"])
    dev = {int(layer): accuracy for layer, accuracy in card["chosen_layers"]["dev"]["probe"].items()}
    best = min(layer for layer in dev if dev[layer] == max(dev.values()))
    own = table[(table["arm"] == "untuned") & table["chosen"]]
    assert set(own["layer"]) == {best}
    wide = own[(own["subset"] == "all") & (own["convention"] == "unseen_wrong")].set_index("method")[
        "accuracy"
    ]
    assert wide["selectivity"] == pytest.approx(wide["probe"] - wide["control"])
    words = table[table["method"].isin(["lookup", "majority"])]
    assert words["layer"].isna().all()
    assert not words.duplicated(["method", "subset", "convention"]).any()


def test_identical_sentences_find_each_other_and_others_as_a_naive_loop_says(spec, store, measured) -> None:
    table = measured[1]["retrieval"]
    copied = table[(table["treebank"] == COPY) & (table["layer"] > 0)]
    assert (copied["score"] == 1).all()
    assert (table.loc[table["metric"] == "retrieval", "chance"] * table["n"] == 1).mean() > 0.4
    english, turkish = spec.parallel[0], next(b for b in spec.parallel if b.name == REAL)
    row = table[
        (table["treebank"] == REAL)
        & (table["arm"] == "untuned")
        & (table["half"] == "report")
        & (table["metric"] == "retrieval")
        & (table["pooling"] == "weighted")
        & table["centred"]
        & (table["layer"] == 1)
    ].iloc[0]
    sides = []
    for bank in (english, turkish):
        names = pd.read_parquet(
            store.find(spec.words(spec.model, bank, 1).table()).file("sentences.parquet")
        )["sent_id"]
        vectors = open_vectors(spec.words(spec.model, bank, 1).sentences("weighted"), store=store)
        sides.append(dict(zip(names, np.asarray(vectors, np.float64), strict=True)))
    ids = [i for i in sides[0] if i in sides[1] and side_of(i, (50, 0, 50)) == "test"]
    a, b = (np.array([side[i] for i in ids]) for side in sides)
    nearest = cdist(a - a.mean(0), b - b.mean(0), "cosine").argmin(1)
    assert row["n"] == len(ids)
    assert row["score"] == pytest.approx((nearest == np.arange(len(ids))).mean())


def test_retrieval_layer_is_chosen_on_one_half_and_reported_on_the_other(measured) -> None:
    table = measured[1]["retrieval"]
    assert set(table.loc[table["chosen"], "half"]) == {"report"}
    halves = table.groupby("half")["n"].first()
    assert halves.sum() == LIMIT
    keys = ["arm", "seed", "pooling", "centred"]
    for _, each in table[table["metric"] == "retrieval"].groupby(keys, dropna=False):
        means = each[each["half"] == "choice"].groupby("layer")["score"].mean()
        assert set(each.loc[each["chosen"], "layer"]) == {means.idxmax()}
    own = table[table["chosen"] & (table["arm"] == "untuned")]
    assert own["above_floor"].notna().all()
    assert (own["above_floor"].astype(bool) == (own["difference_low"] > 0)).all()
    assert table.loc[~table["chosen"], "above_floor"].isna().all()
    floors = table[table["chosen"] & (table["arm"] == "random_weights")]
    for _, row in own.iterrows():
        same = floors
        for key in ("metric", "pooling", "centred", "treebank"):
            same = same[same[key] == row[key]]
        assert row["floor"] == same["score"].max()
        assert row["difference"] == pytest.approx(row["score"] - row["floor"])


def test_zero_shot_of_a_copy_is_that_of_english_and_leaves_training_sentences_out(
    spec, store, measured
) -> None:
    table = measured[1]["zero_shot"]
    keys = ["arm", "seed", "method", "layer", "convention", "accuracy", "n"]
    english = table[table["treebank"] == "UD_English-Sample"][keys].reset_index(drop=True)
    copy = table[table["treebank"] == COPY][keys].reset_index(drop=True)
    pd.testing.assert_frame_equal(english, copy)
    # English train and dev sentences stand in the parallel treebanks too: only the others are judged.
    trained = set()
    for bank in (spec.english.train, spec.english.dev):
        found = pd.read_parquet(store.find(bank).file("sentences.parquet"))
        trained |= set(found["sent_id"])
    parallel = open_representations(
        spec.words(spec.model, spec.parallel[0], int(english["layer"].min())), store=store
    )
    outside = ~parallel.sentences["sent_id"].isin(trained)
    rows = set(parallel.sentences.loc[outside, "sentence"])
    assert 0 < len(rows) < LIMIT
    want = int(parallel.words["sentence"].isin(rows).sum())
    wrong = table[(table["convention"] == "unseen_wrong") & (table["treebank"] == "UD_English-Sample")]
    assert set(wrong["n"]) == {want}
    majority = table[table["method"] == "majority"]
    assert majority["layer"].isna().all()
    tags = parallel.words.loc[parallel.words["sentence"].isin(rows), "upos"].value_counts()
    got = wrong.loc[wrong["method"] == "majority", "accuracy"].iloc[0]
    assert got == pytest.approx(tags.iloc[0] / tags.sum())


def test_agreement_of_a_copy_is_perfect_and_of_another_language_what_scipy_says(
    spec, store, measured
) -> None:
    card, tables = measured
    table = tables["agreement"]
    assert np.allclose(table.loc[table["treebank_b"] == COPY, "score"], 1)
    layer = card["chosen_layers"]["probe"]
    assert set(table["layer"]) == {layer}
    banks = [spec.parallel[0], next(b for b in spec.parallel if b.name == REAL)]
    reps = [open_representations(spec.words(spec.model, bank, layer), store=store) for bank in spec.parallel]
    common = set.intersection(
        *({name for name, n in r.words["upos"].value_counts().items() if n >= spec.minimum} for r in reps)
    )
    assert set(table["n_concepts"]) == {len(common)}
    triangles = []
    for rep in (reps[spec.parallel.index(bank)] for bank in banks):
        labels = label(rep.words, "upos")
        vectors = np.asarray(rep.vectors(), np.float64)
        means = [vectors[labels.codes == labels.names.index(name)].mean(0) for name in sorted(common)]
        triangles.append(pdist(np.array(means)))
    want = spearmanr(*triangles).statistic
    rows = table[
        (table["treebank_b"] == REAL)
        & (table["variant"] == "euclidean/spearman")
        & (table["arm"] == "untuned")
    ]
    assert np.allclose(rows["score"], want)
    assert list(rows["null_kind"]) == ["permutation", "lexical", "random_weights"]
    p = rows.set_index("null_kind")["p"]
    assert 0.0099 < p["permutation"] <= 1  # no smaller than 1 / 101
    assert 0.0196 < p["lexical"] <= 1
    assert np.isnan(p["random_weights"])


def test_the_section_says_what_a_reader_must_know(spec, store, measured) -> None:
    text = store.find(spec).file("card.md").read_text("utf-8")
    for said in (
        "2 seeds",
        f"at most {LIMIT} sentences",
        "bits per byte",
        "chance",
        "word type",
        "xviz 0.",
        "fp32",
    ):
        assert said in text, said
    assert str(Path(spec.model.name).parent) not in text
    assert " nan" not in text.lower()
    assert text.count("\n### ") == 5
    lines = text.splitlines()
    tables = [line for line in lines if line.startswith("|---")]
    assert len(tables) == 6  # retrieval has one for each pooling
    for above, line in itertools.pairwise(lines):  # and all are rectangular
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|")


def test_without_head_or_enough_treebanks_the_card_says_so(tiny_models, data, tmp_path, store) -> None:
    alone = tmp_path / "ud"
    shutil.copytree(data / REAL, alone / REAL)
    spec = card_spec(str(tiny_models("bert")), alone, random_weights=1, limit=8)
    compute([spec], store=store)
    card, tables = read_card(spec, store)
    assert tables == {}
    assert len(card["without"]) == 3
    text = store.find(spec).file("card.md").read_text("utf-8")
    assert "no language-modelling head" in text
    assert "no UPOS probe" in text
    assert "no retrieval" in text


def test_a_card_stops_on_request_and_keeps_what_was_finished(spec, store, measured) -> None:
    class Stop(Journal):
        def stop_requested(self) -> bool:
            return True

    other = spec.model_copy(update={"permutations": 99})
    with pytest.raises(Cancelled):
        compute([other], store=store, journal=Stop())
    assert store.find(other) is None


def test_readme_section_is_replaced_between_its_marks_and_nothing_else_is_touched(tmp_path) -> None:
    readme = tmp_path / "README.md"
    write_section(readme, "first")
    assert readme.read_text("utf-8") == f"{BEGIN}\nfirst\n{END}\n"
    readme.write_text(f"---\nlicense: x\n---\n# M\n\n{BEGIN}\nold\n{END}\n\n## After\n", "utf-8")
    write_section(readme, "new\n")
    want = f"---\nlicense: x\n---\n# M\n\n{BEGIN}\nnew\n{END}\n\n## After\n"
    assert readme.read_text("utf-8") == want
    write_section(readme, "new")
    assert readme.read_text("utf-8") == want
    readme.write_text(f"{END} {BEGIN}", "utf-8")
    with pytest.raises(InputError, match="once each"):
        write_section(readme, "x")
    link = tmp_path / "link.md"
    link.symlink_to(readme)
    with pytest.raises(InputError, match="link"):
        write_section(link, "x")


def test_command_writes_tables_and_readme_and_answers_json(tiny_models, data, tmp_path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_models("bert"), model)
    (model / "README.md").write_text("# Mine\n", "utf-8")
    out, ud = tmp_path / "card", tmp_path / "ud"
    shutil.copytree(data / REAL, ud / REAL)
    arguments = ["card", "--model", str(model), "--data", str(ud), "--limit", "8", "--random-weights", "1"]
    runner = CliRunner()
    done = runner.invoke(application, [*arguments, "--out", str(out), "--write-readme", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["model"] == "model"
    assert report["computed"]
    assert "about" in done.stderr  # the cost, beforehand
    assert {"card.json", "card.md"} <= {p.name for p in out.iterdir()}
    assert (model / "README.md").read_text("utf-8").startswith(f"# Mine\n\n{BEGIN}\n## Measured")
    again = runner.invoke(application, [*arguments, "--json"])
    assert not json.loads(again.stdout)["computed"]
    wrong = runner.invoke(application, [*arguments, "--treebank-english", "English-GUM"])
    assert wrong.exit_code == 2
    assert "English-GUM" in wrong.stderr
    assert "Traceback" not in wrong.output


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_few_real_treebanks(tiny_with_head, data_dir, tmp_path) -> None:
    ud = tmp_path / "ud"
    ud.mkdir()
    for name in ("English-EWT", "English-PUD", "German-PUD", "Icelandic-PUD", "Thai-PUD", "Turkish-BOUN"):
        (ud / f"UD_{name}").symlink_to(data_dir / "ud" / f"UD_{name}")
    spec = card_spec(str(tiny_with_head("bert")), ud, random_weights=1)
    store = Store(tmp_path / "store")
    compute([spec], store=store)
    card, tables = read_card(spec, store)
    assert tuple(card["tables"]) == TABLES
    assert [b["name"] for b in card["treebanks"]["parallel"]] == [
        "UD_English-PUD",
        "UD_German-PUD",
        "UD_Icelandic-PUD",
        "UD_Thai-PUD",
    ]
    retrieval = tables["retrieval"]
    assert retrieval.groupby("half")["n"].first().sum() > 900  # aligned by sent_id, whatever the order
    probe = tables["probe"].set_index("method")
    words = probe[(probe["subset"] == "all") & (probe["convention"] == "unseen_wrong")]["accuracy"]
    assert words["lookup"] == pytest.approx(0.74, abs=0.03)  # METHODS.md section 2
    zero_shot = tables["zero_shot"]
    # all sentences are judged, for none of PUD is in EWT
    assert zero_shot[zero_shot["target"] == "deu"]["n"].max() > 20000
