"""``card.md``: the tables of a card as a section of a README, each figure beside its baselines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from xviz.corpora.languages import display_name

UNITS = {
    "masked_accuracy": "masked accuracy (share of masked pieces guessed)",
    "bits_per_byte": "bits per byte (lower is better)",
}
N_OF = {"masked_accuracy": "masked pieces", "bits_per_byte": "bytes"}
POOLED = {"mean": "mean pooling", "weighted": "position-weighted mean pooling"}
AGREEMENT = {
    "RSA": ("rsa", "euclidean/spearman"),
    "RSA, adjusted": ("rsa", "euclidean/spearman/adjusted"),
    "Procrustes": ("procrustes", ""),
}


def markdown(card: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """The section: what was measured and how, then the tables, then what was left out and the provenance."""
    writers: dict[str, Callable[[pd.DataFrame, Mapping[str, Any]], list[str]]] = {
        "language_modelling": _language_modelling,
        "probe": _probe,
        "retrieval": _retrieval,
        "zero_shot": _zero_shot,
        "agreement": _agreement,
    }
    lines = ["## Measured", "", *_introduction(card)]
    for name, writer in writers.items():
        if name in tables:
            lines += ["", *writer(tables[name], card)]
    if card["without"]:
        lines += ["", "### Left out", "", *(f"- {sentence}" for sentence in card["without"])]
    lines += ["", *_provenance(card)]
    return "\n".join(lines) + "\n"


def _introduction(card: Mapping[str, Any]) -> list[str]:
    settings = card["settings"]
    seeds = settings["random_weights"]
    floor = (
        f"**Random weights**: the same architecture and tokenizer with fresh weights, mean and range of "
        f"{len(seeds)} seeds."
        if seeds
        else "No network with random weights was measured beside it."
    )
    limit = settings["limit"]
    quick = (
        f" **A quick look: at most {limit} sentences of each file were read**; run it without `--limit` for "
        "figures to quote."
        if limit is not None
        else ""
    )
    return [
        f"By `xviz card`, in {card['provenance']['dtype']}; brackets are 95 % intervals (over sentences; of "
        f"the probe over words, of a mean over languages). {floor}{quick}",
    ]


def _language_modelling(table: pd.DataFrame, card: Mapping[str, Any]) -> list[str]:
    task = str(table["task"].iloc[0])
    what = (
        "15 % of the pieces of each sentence masked (at least one, never special tokens); the unigram always "
        "guesses the commonest piece of the same treebank's train side."
        if task == "masked_accuracy"
        else "The unigram counts pieces on the same treebank's train side, with add-one smoothing."
    )
    rows = []
    for (language, treebank), each in table.groupby(["language", "treebank"], sort=True):
        own = _one(each, arm="untuned", method="network")
        rows.append(
            [
                _language(language),
                _short(treebank),
                f"{own['sentences']:,}" + (f" ({own['skipped']} too long)" if own["skipped"] else ""),
                f"{own['n']:,}",
                _interval(own, "score"),
                _number(_one(each, arm="untuned", method="unigram")["score"]),
                _range(each[each["arm"] == "random_weights"]["score"]),
                f"{100 * own['unknown']:.1f} %",
            ]
        )
    head = card["headlines"]["language_modelling"]
    random = _range(head["random_weights"])
    mean = ["**mean**", "", "", "", f"**{_number(head['score'])}**", _number(head["unigram"]), random, ""]
    columns = ["language", "treebank (test)", "sentences", N_OF[task], "model", "unigram", "random weights"]
    return [
        f"### Language modelling: {UNITS[task]}",
        "",
        what,
        "",
        *_table([*columns, "unknown pieces"], [*rows, mean]),
    ]


def _probe(table: pd.DataFrame, card: Mapping[str, Any]) -> list[str]:
    table = table[table["convention"] == "unseen_wrong"]
    subsets = [s for s in ("all", "without PUNCT", "unseen forms") if (table["subset"] == s).any()]
    own = table[table["arm"] == "untuned"]
    rows = []
    for layer in sorted(own["layer"].dropna().unique()):
        here = table[table["layer"] == layer]
        row = [str(layer)]
        for subset in subsets:
            probe = here[(here["method"] == "probe") & (here["subset"] == subset)]
            row += [_interval(_one(probe, arm="untuned"), "accuracy")]
            row += [_range(probe[probe["arm"] == "random_weights"]["accuracy"])]
        selectivity = _one(here, arm="untuned", method="selectivity", subset="all")
        row.append(_number(selectivity["accuracy"]))
        rows.append([f"**{cell}**" if layer == card["chosen_layers"]["probe"] else cell for cell in row])
    for method, name in (("lookup", "majority tag of the word type"), ("majority", "majority tag")):
        row = [name]
        for subset in subsets:
            row += [_number(_one(own, method=method, subset=subset)["accuracy"]), ""]
        rows.append([*row, ""])
    pairs = itertools.chain.from_iterable((subset, "random weights") for subset in subsets)
    n = ", ".join(f"{subset} {int(_one(own, method='majority', subset=subset)['n']):,}" for subset in subsets)
    source = _short(str(table["source"].iloc[0]))
    return [
        f"### UPOS probe on {source} (test), by layer",
        "",
        f"Prototype probe, accuracy over words (n: {n}); a tag unseen in training counts as an error. "
        "Layer 0 is the embeddings; bold: the layer that is best on dev. Selectivity: minus the accuracy on "
        "random tags of word types (Hewitt & Liang 2019).",
        "",
        *_table(["layer", *pairs, "selectivity"], rows),
    ]


def _retrieval(table: pd.DataFrame, card: Mapping[str, Any]) -> list[str]:
    chosen = table[table["chosen"] & (table["metric"] == "retrieval")]
    first = chosen.iloc[0]
    half = table[table["half"] == "choice"]["n"].iloc[0]
    missing = f" {first['left_out']} sentences have no vector in some language." if first["left_out"] else ""
    lines = [
        "### Retrieval of translations from English",
        "",
        f"Share of {first['n']} English sentences whose nearest neighbour by cosine, among the {first['n']} "
        f"of the other language, is the translation; chance {first['chance']:.4f}. Layers are chosen on the "
        f"other {half} sentences, for random networks as well.{missing} Above the floor: the 95 % interval "
        "of the difference to the best random network lies above 0.",
    ]
    for pooling in card["settings"]["sentence_poolings"]:
        part = chosen[chosen["pooling"] == pooling]
        rows = []
        for (language, treebank), each in part.groupby(["language", "treebank"], sort=True):
            row = [_language(language), _short(treebank)]
            for centred in (False, True):
                here = each[each["centred"] == centred]
                own = _one(here, arm="untuned")
                row += [_interval(own, "score"), _range(here[here["arm"] == "random_weights"]["score"])]
                row.append(_above(own))
            rows.append(row)
        mean, layers = ["**mean**", ""], []
        for state in ("plain", "centred"):
            head = card["headlines"][f"retrieval_{pooling}_{state}"]
            above = f"{head['above_floor']} of {head['languages']}" if "above_floor" in head else ""
            mean += [f"**{_interval(head, 'score')}**", _range(head["random_weights"]), above]
            layers.append(head["layer"])
        columns = ["language", "treebank", "before centring", "random weights", "above the floor"]
        columns += ["after centring each language", "random weights", "above the floor"]
        where = f"layer {layers[0]} before, layer {layers[1]} after centring"
        lines += ["", f"With {POOLED[pooling]} ({where}):", "", *_table(columns, [*rows, mean])]
    return lines


def _zero_shot(table: pd.DataFrame, card: Mapping[str, Any]) -> list[str]:
    heads = {method: card["headlines"][f"zero_shot_{method}"] for method in ("direct", "probe")}
    wrong = table[table["convention"] == "unseen_wrong"]
    rows = []
    for (language, treebank), each in wrong.groupby(["target", "treebank"], sort=True):
        row = [_language(language), _short(treebank), f"{_one(each, method='majority')['n']:,}"]
        for method in heads:
            here = each[each["method"] == method]
            row.append(_interval(_one(here, arm="untuned"), "accuracy"))
            row.append(_range(here[here["arm"] == "random_weights"]["accuracy"]))
        rows.append([*row, _number(_one(each, method="majority")["accuracy"])])
    mean = ["**mean without the source**", "", ""]
    for head in heads.values():
        mean += [f"**{_interval(head, 'score')}**", _range(head["random_weights"])]
    mean.append(_number(heads["direct"]["majority"]))
    left_out = table[(table["convention"] == "unseen_left_out") & (table["arm"] == "untuned")]
    source = str(table["source"].iloc[0])
    others = left_out[left_out["target"] != source]
    means = {m: _number(others.loc[others["method"] == m, "accuracy"].mean()) for m in heads}
    columns = ["language", "treebank", "words", "nearest prototype", "random weights", "in probe space"]
    return [
        f"### Zero-shot UPOS accuracy from {_language(source)} prototypes",
        "",
        f"Nearest {_language(source)} prototype, nothing learned from other languages but their mean and "
        f"standard deviation; layers chosen on {_language(source)} dev (prototypes "
        f"{heads['direct']['layer']}, probe {heads['probe']['layer']}; random networks choose their own). "
        "Tags unseen in the source count as errors; left out, the means are "
        f"{means['direct']} and {means['probe']}. Majority: the target's own commonest tag.",
        "",
        *_table([*columns, "random weights", "majority"], [*rows, mean]),
    ]


def _agreement(table: pd.DataFrame, card: Mapping[str, Any]) -> list[str]:
    first = table.iloc[0]
    rows = []
    for (language, treebank), each in table.groupby(["language_b", "treebank_b"], sort=True):
        row = [_language(language), _short(treebank)]
        for metric, variant in AGREEMENT.values():
            here = each[(each["metric"] == metric) & (each["variant"] == variant)]
            permuted = _one(here, null_kind="permutation")
            lexical = _one(here, null_kind="lexical")
            row.append(_number(permuted["score"]))
            row.append(f"{_number(permuted['p'])} / {_number(lexical['p'])}")
            row.append(_range(here[here["arm"] == "random_weights"]["score"]))
        rows.append(row)
    settings = card["settings"]
    columns = ["language", "treebank"]
    for name in AGREEMENT:
        columns += [name, "p permutation / lexical", "random weights"]
    return [
        "### Concept spaces of English and every other language",
        "",
        f"UPOS prototypes of the parallel treebanks at layer {first['layer']} (best of the probe on English "
        f"dev), {first['n_concepts']} concepts with at least {settings['minimum']} words in every treebank. "
        f"p against {settings['permutations']:,} renamings of concepts, and against "
        f"{settings['lexical_draws']} draws of networks that know word types alone; not adjusted for the "
        "number of languages. Scores mean something only beyond all three nulls.",
        "",
        *_table(columns, rows),
    ]


def _provenance(card: Mapping[str, Any]) -> list[str]:
    provenance, settings = card["provenance"], card["settings"]
    prints = ", ".join(f"`{name}` {digest[:12]}" for name, digest in provenance["fingerprint"].items())
    device = ", ".join(provenance["device"])
    return [
        f"Provenance: xviz {provenance['xviz']}, {provenance['dtype']} on {device}, seed {settings['seed']}; "
        f"SHA-256 of {prints}. Treebanks, settings and all figures: `card.json` and the tables beside it."
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(columns), "|" + "---|" * len(columns), *map(line, rows)]


def _one(table: pd.DataFrame, **where: str) -> Any:
    for column, value in where.items():
        table = table[table[column] == value]
    return table.iloc[0]


def _interval(row: Any, column: str) -> str:
    text = _number(row[column])
    return text if pd.isna(row["low"]) else f"{text} [{_number(row['low'])}, {_number(row['high'])}]"


def _range(values: Any) -> str:
    values = [float(value) for value in values if not pd.isna(value)]
    if not values:
        return "–"
    mean = sum(values) / len(values)
    if len(values) == 1:
        return _number(mean)
    return f"{_number(mean)} ({_number(min(values))} to {_number(max(values))})"


def _above(row: Any) -> str:
    if "above_floor" not in row or pd.isna(row["above_floor"]):
        return "–"
    gap = f"[{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
    return f"{'yes' if row['above_floor'] else 'no'} {gap}"


def _number(value: float) -> str:
    if pd.isna(value):
        return "–"
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _language(code: Any) -> str:
    return display_name(str(code))


def _short(treebank: Any) -> str:
    return str(treebank).removeprefix("UD_")
