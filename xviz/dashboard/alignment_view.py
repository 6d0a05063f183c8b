"""All pairs of languages: the matrix, the curve over layers, languages in a plane, the table."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from xviz.alignability.summary import clustered, judged, matrix_of, plane, shares
from xviz.alignability.table import NULLS
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard.address import plain
from xviz.dashboard.alignment_choices import AlignmentLooks
from xviz.dashboard.choices import branch_of
from xviz.dashboard.figure import FigureEvents, show_figure
from xviz.errors import XvizError
from xviz.figures.language_plane import language_plane
from xviz.figures.layer_curve import layer_curve
from xviz.figures.pair_matrix import pair_matrix
from xviz.figures.picture import FORMATS, picture

NULL_NAMES = {
    "permutation": "label permutation",
    "lexical": "the lexical null",
    "random_weights": "random weights",
}
MEDIAN = "median of all pairs"
SMALL = 0.03
"""A difference between halves that is called none."""


@dataclass(frozen=True)
class Comparison:
    """A scores table as the page shows it.

    ``names`` (of treebank names) are what the reader sees: the language, or the treebank where a language has
    several. ``pairs`` is :func:`xviz.alignability.summary.judged` of the chosen measure, all layers.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    facts: dict[str, Any]
    names: dict[str, str]
    branches: dict[str, str]
    families: dict[str, str]
    looks: AlignmentLooks
    measure: tuple[str, str]

    def at(self, layer: int) -> pd.DataFrame:
        return self.pairs[self.pairs["layer"] == layer]

    def of(self, a: str, b: str) -> pd.DataFrame:
        """The rows of one pair, whichever way round it was computed."""
        rows = self.pairs
        there = (rows["treebank_a"] == a) & (rows["treebank_b"] == b)
        back = (rows["treebank_a"] == b) & (rows["treebank_b"] == a)
        return rows[there | back]

    @property
    def complete(self) -> bool:
        """Whether all three nulls are there."""
        return bool(self.pairs["significant"].notna().any())


def comparison(
    scores: pd.DataFrame, facts: dict[str, Any], treebanks: Sequence[TreebankFiles], looks: AlignmentLooks
) -> Comparison:
    """What the page shows of a scores table."""
    only = {str(metric): str(variant) for metric, variant in scores[["metric", "variant"]].to_numpy()}
    metric, variant = looks.of(only)
    twins = {bank.language for bank in treebanks if sum(b.language == bank.language for b in treebanks) > 1}
    names = {
        bank.name: bank.name.removeprefix("UD_") if bank.language in twins else bank.language_name
        for bank in treebanks
    }
    return Comparison(
        scores,
        judged(scores, metric=metric, variant=variant, null=looks.null),
        facts,
        names,
        {bank.name: branch_of(bank) for bank in treebanks},
        {bank.name: bank.family for bank in treebanks},
        looks,
        (metric, variant),
    )


def show_summary(shown: Comparison, layer: int) -> None:
    """One sentence: how many pairs lie beyond which null at this layer."""
    table = shares(shown.scores)
    metric, variant = shown.measure
    rows = table[(table["layer"] == layer) & (table["metric"] == metric) & (table["variant"] == variant)]
    by = rows.set_index("beyond")["share"]
    n = int(rows["n"].max()) if len(rows) else 0
    told = [f"**{by[kind]:.0%}** beyond {name}" for kind, name in NULL_NAMES.items() if kind in by]
    verdict = f"; **{by['all']:.0%}** beyond all three" if "all" in by else ""
    st.markdown(plain_verdict(shown, layer))
    singly = shares(shown.scores, adjusted=False)
    singly = singly[
        (singly["layer"] == layer) & (singly["metric"] == metric) & (singly["variant"] == variant)
    ]
    one_by_one = singly.set_index("beyond")["share"]
    concepts = ", ".join(shown.facts["concepts"])
    left = shown.facts.get("left_out") or {}
    without = (
        f" Left out, fewer than 10 somewhere: {', '.join(f'{k} ({v})' for k, v in left.items())}."
        if left
        else ""
    )
    st.markdown(
        f"Layer {layer}, {shown.looks.measure}: of {n:,} pairs, {', '.join(told)}{verdict} "
        f"(adjusted p < .05 over {shown.facts['family']:,} pairs × layers)."
    )
    if len(one_by_one):
        named = NULL_NAMES | {"all": "all three"}
        told = [f"{one_by_one[kind]:.0%} beyond {name}" for kind, name in named.items() if kind in one_by_one]
        st.caption(f"Each pair tested by itself (p < .05, so 5 % pass a true null): {', '.join(told)}.")
    st.caption(plain(f"{len(shown.facts['concepts'])} shared concepts: {concepts}.{without}"))
    if shown.facts.get("power"):
        st.caption(plain(_power_line(shown.facts["power"], variant)))


def tell_content(shown: Comparison, content: pd.DataFrame, layer: int) -> None:
    """What sharing sentences adds: scores on the same half of the sentences and on different halves."""
    metric, variant = shown.measure
    rows = content[
        (content["metric"] == metric) & (content["variant"] == variant) & (content["layer"] == layer)
    ]
    if len(rows):
        same, apart = float(rows["same"].mean()), float(rows["disjoint"].mean())
        st.caption(
            f"Shared content: compared on the same half of the sentences these pairs score {same:.2f}, on "
            f"different halves {apart:.2f} (means of {len(rows):,} pairs). "
            + (
                "They agree, so that the sentences are translations does not explain the scores."
                if abs(same - apart) < SMALL
                else "The difference is what sharing the sentences' content adds."
            )
        )


def tell_chosen_layer(shown: Comparison, chosen: pd.DataFrame, pair: tuple[str, str]) -> None:
    """The layer picked on one half of the sentences, and what it gives on the other."""
    metric, variant = shown.measure
    both = set(pair)
    rows = chosen[(chosen["metric"] == metric) & (chosen["variant"] == variant)]
    rows = rows[[{a, b} == both for a, b in zip(rows["treebank_a"], rows["treebank_b"], strict=True)]]
    for row in rows.to_dict("records"):
        st.caption(
            f"A layer picked because its score is high scores too high. Picked on half of the sentences: "
            f"layer {row['layer']}; on the other half it scores {row['score']:.2f} (against label "
            f"permutation there, p {_p(row['p_adjusted'])}, adjusted over pairs)."
        )


def plain_verdict(shown: Comparison, layer: int) -> str:
    """The answer in one sentence: which pairs lie beyond every null, if any."""
    pairs = shown.at(layer)
    if not shown.complete:
        return "**One of the three nulls is not in this run, so nothing is called more than chance.**"
    beyond = pairs[pairs["significant"].fillna(False).astype(bool)].sort_values("effect", ascending=False)
    if beyond.empty:
        return (
            "**After correction for all pairs and layers, no pair is shown to be more alike than all three "
            "nulls.** That is no proof that languages differ: see what these counts could show, below."
        )
    some = [
        f"{shown.names[a]} – {shown.names[b]}"
        for a, b in beyond[["treebank_a", "treebank_b"]].head(4).to_numpy()
    ]
    more = f" and {len(beyond) - len(some)} more" if len(beyond) > len(some) else ""
    return (
        f"**{len(beyond)} of {len(pairs)} pairs are more alike than all three nulls: "
        f"{plain(', '.join(some))}{more}.**"
    )


def show_matrix(shown: Comparison, layer: int, *, key: str, title: str) -> tuple[str, str] | None:
    """The heatmap (on a narrow screen a ranked list); the pair that was clicked, if one was."""
    pairs = shown.at(layer)
    order = _in_order(shown, pairs)
    names = [shown.names[bank] for bank in order]
    figure = _matrix_figure(shown, pairs, order)
    with st.container(key=f"{key}-wide"):
        events = show_figure(
            figure,
            key=key,
            height=max(420, min(760, 150 + 26 * len(order))),
            alt=f"{title}: {shown.looks.measure} of {len(pairs)} pairs of {len(order)} treebanks.",
            events=("click",),
            filename=title.replace(" ", "-"),
        )
        crossed = "all three nulls" if shown.complete else "every null that there is"
        st.caption(
            plain(
                f"{_scale_line(shown)} Crossed out: not beyond {crossed} after correction, which does not "
                "mean unlike. Click a cell to open the pair."
            )
        )
    with st.container(key=f"{key}-narrow"):
        st.caption(
            plain(f"{_scale_line(shown)} Nothing under “not beyond”: beyond every null. Choose a pair below.")
        )
        st.dataframe(
            _ranked(shown, pairs), hide_index=True, width="stretch", height=min(38 + 35 * len(pairs), 420)
        )
    return _clicked(events, dict(zip(names, order, strict=True)))


def show_curve(shown: Comparison, layer: int, pair: tuple[str, str] | None, *, key: str) -> None:
    """The score over layers: of the pair, or the median of all, with the bands of the nulls."""
    figure, height = _curve_figure(shown, layer, pair), 420
    show_figure(
        figure,
        key=key,
        height=height,
        alt=f"{shown.looks.measure} by layer, with null bands and noise ceiling.",
        filename="alignability-by-layer",
        table=_curve_table(shown, pair),
    )
    about = (
        "Each null's band reaches from its mean to its 95th percentile"
        + (" (medians over pairs)" if pair is None else "")
        + ". Bands are of one test; crosses use p corrected over all pairs and layers, so a point above "
        "every band can be crossed."
    )
    if pair is not None and (shown.pairs["range"] == "stability").any():
        about += (
            " The band of the curve is from the jackknife over groups of sentences: how stable the score is, "
            "not a confidence interval."
        )
    st.caption(about)


def show_plane(shown: Comparison, layer: int, *, key: str) -> None:
    """Languages as points, near where they align."""
    banks = [
        bank for bank in shown.names if (shown.pairs[["treebank_a", "treebank_b"]] == bank).any(axis=None)
    ]
    if len(banks) < 3:
        st.info("A plane wants three languages or more.", icon=":material/scatter_plot:")
        return
    figure = _plane_figure(shown, shown.at(layer), banks)
    show_figure(
        figure,
        key=key,
        height=520,
        alt="Languages by classical scaling of one minus the score.",
        filename="languages-in-a-plane",
    )
    st.caption(
        "Classical scaling (Torgerson 1952) of 1 − score: languages near one another have like concept "
        "spaces. The shares on the axes say how much of that two dimensions can show."
    )


def show_table(shown: Comparison, layer: int, run: str) -> None:
    """The numbers of this layer, and files of everything."""
    table = _ranked(shown, shown.at(layer), full=True)
    st.dataframe(table, hide_index=True, width="stretch", height=min(38 + 35 * len(table), 520))
    figures: dict[str, Callable[[], go.Figure]] = {
        "Matrix": lambda: _matrix_figure(shown, shown.at(layer), _in_order(shown, shown.at(layer))),
        "Layers": lambda: _curve_figure(shown, layer, None),
        "Plane": lambda: _plane_figure(shown, shown.at(layer), list(shown.names)),
    }
    with st.container(horizontal=True, vertical_alignment="bottom", key="al-export"):
        st.download_button(
            "All scores, CSV",
            lambda: shown.scores.to_csv(index=False),
            f"alignability-{run[:8]}.csv",
            "text/csv",
        )
        st.download_button(
            "All scores, Parquet", lambda: _parquet(shown.scores), f"alignability-{run[:8]}.parquet"
        )
        which = st.selectbox("Figure", list(figures), width=130, key="al-picture")
        for kind in FORMATS:
            st.download_button(
                kind.upper(), _drawn(figures[which], kind), f"alignability-{which.lower()}-{run[:8]}.{kind}"
            )
    st.caption(
        f"{len(shown.scores):,} rows: every pair, layer, measure and null with its n, p, range, ceiling and "
        f"seed; specification {run[:12]}. Figures in the print theme."
    )


def _drawn(figure: Callable[[], go.Figure], kind: Any) -> Callable[[], bytes]:
    """Drawn when it is asked for; where no picture can be made, the file says why."""

    def draw() -> bytes:
        try:
            return picture(figure(), kind)
        except XvizError as error:
            return str(error).encode()

    return draw


def _matrix_figure(shown: Comparison, pairs: pd.DataFrame, order: Sequence[str]) -> go.Figure:
    column = shown.looks.shown if pairs["effect"].notna().any() else "score"
    values = matrix_of(pairs, order, column)
    text = pairs.assign(hover=[_hover(shown, row) for row in pairs.itertuples()])
    place = {bank: i for i, bank in enumerate(order)}
    hover = [[shown.names[a] if a == b else "" for b in order] for a in order]
    failed = np.zeros(values.shape, bool)
    for a, b, words, fails in text[["treebank_a", "treebank_b", "hover", "fails"]].to_numpy():
        i, j = place[a], place[b]
        hover[i][j] = hover[j][i] = words
        failed[i, j] = failed[j, i] = fails != ""
    return pair_matrix(
        values,
        [shown.names[bank] for bank in order],
        hover=hover,
        marked=failed,
        scale=_scale(shown, column),
        label="effect" if column == "effect" else shown.looks.measure,
        groups=[shown.branches[bank] for bank in order] if shown.looks.order == "family" else (),
    )


def _curve_figure(shown: Comparison, layer: int, pair: tuple[str, str] | None) -> go.Figure:
    pairs = shown.pairs if pair is None else shown.of(*pair)
    name = MEDIAN if pair is None else " and ".join(shown.names[bank] for bank in pair)
    metric, variant = shown.measure
    nulls = shown.scores[
        (shown.scores["metric"] == metric)
        & (shown.scores["variant"] == variant)
        & shown.scores["null_kind"].isin(NULLS)
    ]
    if pair is not None:
        both = set(pair)
        nulls = nulls[[{a, b} == both for a, b in zip(nulls["treebank_a"], nulls["treebank_b"], strict=True)]]
    nulls = nulls.groupby(["layer", "null_kind"])[["null_mean", "null_p95"]].median().reset_index()
    by_layer = pairs.groupby("layer")
    columns = ["score", "ceiling"] + (["low", "high"] if pair is not None else [])
    curve = by_layer[columns].median().reset_index()
    curve["hover"] = [
        f"<b>{name}</b>, layer {int(at)}: {score:.3f}"
        for at, score in curve[["layer", "score"]].to_numpy(float)
    ]
    return layer_curve(
        {name: curve}, nulls, title=shown.looks.measure, ceiling=curve[["layer", "ceiling"]], chosen=layer
    )


def _curve_table(shown: Comparison, pair: tuple[str, str] | None) -> pd.DataFrame:
    pairs = shown.pairs if pair is None else shown.of(*pair)
    columns = ["score", "effect", "null_mean", "null_p95", "ceiling"]
    table = pairs.groupby("layer")[columns].median()
    table["beyond the nulls"] = pairs.assign(passed=pairs["fails"] == "").groupby("layer")["passed"].mean()
    return table.reset_index()


def _plane_figure(shown: Comparison, pairs: pd.DataFrame, banks: Sequence[str]) -> go.Figure:
    matrix = matrix_of(pairs, banks, "score")
    found = plane(matrix)
    mean = np.nanmean(matrix, axis=1)
    return language_plane(
        found.points,
        [shown.names[bank] for bank in banks],
        [shown.branches[bank] for bank in banks],
        shares=found.shares,
        hover=[
            f"<b>{shown.names[bank]}</b> ({shown.branches[bank]})<br>mean score with the others {value:.2f}"
            for bank, value in zip(banks, mean, strict=True)
        ],
    )


def _in_order(shown: Comparison, pairs: pd.DataFrame) -> list[str]:
    there = set(pairs["treebank_a"]) | set(pairs["treebank_b"])
    banks = [bank for bank in shown.names if bank in there]
    banks.sort(key=lambda bank: (shown.families[bank], shown.branches[bank], shown.names[bank]))
    if shown.looks.order == "likeness":
        banks = [banks[i] for i in clustered(matrix_of(pairs, banks, "score"))]
    return banks


def _scale(shown: Comparison, column: str) -> tuple[float, float, float]:
    """The same for every layer, so that layers may be compared."""
    if column == "effect":
        return (-1.0, 0.0, 1.0)
    middle = float(shown.pairs["null_mean"].median())
    middle = 0.0 if np.isnan(middle) else middle
    return (2 * middle - 1, middle, 1.0)


def _scale_line(shown: Comparison) -> str:
    against = {"hardest": "of each pair's hardest null"}.get(
        shown.looks.null, f"of {NULL_NAMES.get(shown.looks.null, '')}"
    )
    if shown.pairs["effect"].isna().all():
        return "This measure has no null in this run: raw scores."
    if shown.looks.shown == "effect":
        return (
            f"0 is the mean {against}, 1 is equal spaces; below 0: less alike than that null's mean (colours "
            "end at −1)."
        )
    return f"The middle colour is the mean {against} (median over pairs and layers)."


def _hover(shown: Comparison, row: Any) -> str:
    a, b = shown.names[row.treebank_a], shown.names[row.treebank_b]
    lines = [f"<b>{a} – {b}</b>", f"score {row.score:.3f}"]
    if not np.isnan(row.effect):
        lines[1] += f", effect {row.effect:+.2f} over {NULL_NAMES[row.against]} ({row.null_mean:.2f})"
    p = [
        f"{NULL_NAMES[kind]} {_p(getattr(row, f'p_{kind}'))}"
        for kind in NULLS
        if hasattr(row, f"p_{kind}") and not np.isnan(getattr(row, f"p_{kind}"))
    ]
    if p:
        lines.append("adjusted p: " + "; ".join(p))
    if not np.isnan(row.low):
        lines.append(f"{row.range or 'range'} {row.low:.2f} to {row.high:.2f}")
    if not np.isnan(row.ceiling):
        lines.append(f"noise ceiling {row.ceiling:.2f}")
    lines.append(f"n = {row.n_a:,} and {row.n_b:,} words, {row.n_concepts} concepts")
    return "<br>".join(lines)


def _ranked(shown: Comparison, pairs: pd.DataFrame, *, full: bool = False) -> pd.DataFrame:
    column = shown.looks.shown if pairs["effect"].notna().any() else "score"
    rows = pairs.sort_values(column, ascending=False)
    table = pd.DataFrame(
        {
            "pair": [
                f"{shown.names[a]} – {shown.names[b]}"
                for a, b in zip(rows["treebank_a"], rows["treebank_b"], strict=True)
            ],
            "score": rows["score"].round(3),
            "effect": rows["effect"].round(3),
            "not beyond": [
                ", ".join(NULL_NAMES[kind] for kind in fails.split(", ") if kind) for fails in rows["fails"]
            ],
        }
    )
    if full:
        for kind in NULLS:
            if f"p_{kind}" in rows:
                table[f"p, {NULL_NAMES[kind]}"] = rows[f"p_{kind}"].round(4).to_numpy()
        for name in ("low", "high", "ceiling"):
            table[name] = rows[name].round(3).to_numpy()
        for name in ("n_a", "n_b", "n_concepts"):
            table[name] = rows[name].to_numpy()
    return table


def _clicked(events: FigureEvents, order: dict[str, str]) -> tuple[str, str] | None:
    point = events.click
    if point is None or point.get("x") not in order or point.get("y") not in order:
        return None
    a, b = order[point["y"]], order[point["x"]]
    return None if a == b else (a, b)


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _power_line(power: Sequence[dict[str, Any]], variant: str) -> str:
    """What these counts could not show."""
    rows = {row["variant"]: row for row in power}
    row = rows.get(variant, rows["euclidean/spearman"])
    if row["share"] is None:
        return "Power: with these counts not even nearly equal spaces are told from the lexical null."
    return (
        f"Power: against the lexical null these counts show a pair four times out of five once "
        f"{row['share']:.0%} of the prototypes' variance is shared (a mean score of "
        f"{row['score']:.2f}); what shares less is likely missed, so a cross "
        "is no evidence of a difference."
    )
