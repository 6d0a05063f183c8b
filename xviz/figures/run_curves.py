"""The curves of runs: one small panel a measurement, one line a run, over steps."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

RUN_COLOURS = ("#2F6BC4", "#C04E0A", "#07A087", "#872871", "#B0B64E", "#67B4F5", "#9D0A12", "#0D7A82")
FIRST = ("loss", "dev_loss", "accuracy")
QUIET = ("learning_rate", "gradient_norm", "tokens", "tokens_per_second")
MOST_PANELS = 6
GAP = 0.08


def run_curves(table: pd.DataFrame, *, runs: Sequence[str], columns: int = 2) -> tuple[go.Figure, list[str]]:
    """Curves of one or several runs.

    Args:
        table: rows ``run, title, stage, step, name, value`` (:func:`xviz.runs.comparison.curves`).
        runs: ids in the order in which they take their colours.
        columns: panels beside one another.

    Returns:
        The figure, and the measurements that found no panel.
    """
    names = panels_of(table)
    shown, left_out = names[:MOST_PANELS], names[MOST_PANELS:]
    columns = max(1, min(columns, len(shown)))
    rows = -(-len(shown) // columns) if shown else 1
    figure = go.Figure()
    layout: dict = {
        "uirevision": "runs",
        "showlegend": len(runs) > 1,
        "legend": {"orientation": "h", "y": -0.02 - 0.1 / rows, "yanchor": "top"},
        "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
        "hovermode": "closest",
    }
    titles = dict(zip(table["run"], table["title"], strict=True)) if len(table) else {}
    for i, (stage, name) in enumerate(shown):
        row, column = divmod(i, columns)
        number = "" if i == 0 else str(i + 1)
        width, height = (1 - GAP * (columns - 1)) / columns, (1 - 1.6 * GAP * (rows - 1)) / rows
        left, top = column * (width + GAP), 1 - row * (height + 1.6 * GAP)
        layout[f"xaxis{number}"] = {
            "domain": [left, left + width],
            "anchor": f"y{number}",
            "title": {"text": "step"} if i + columns >= len(shown) else None,
            "rangemode": "tozero",
        }
        layout[f"yaxis{number}"] = {"domain": [max(0.0, top - height), top], "anchor": f"x{number}"}
        layout.setdefault("annotations", []).append(
            {
                "text": _title(stage, name, shown),
                "x": left,
                "y": top,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 13},
            }
        )
        part = table[(table["stage"] == stage) & (table["name"] == name)]
        for j, run in enumerate(runs):
            line = part[part["run"] == run]
            if not len(line):
                continue
            figure.add_scatter(
                x=line["step"].tolist(),
                y=line["value"].tolist(),
                mode="lines" if len(line) > 1 else "markers",
                line={"color": RUN_COLOURS[j % len(RUN_COLOURS)], "width": 2},
                marker={"color": RUN_COLOURS[j % len(RUN_COLOURS)], "size": 7},
                name=str(titles.get(run, run)),
                legendgroup=run,
                showlegend=not any(trace.legendgroup == run for trace in figure.data),
                xaxis=f"x{number}",
                yaxis=f"y{number}",
                hovertemplate="step %{x}<br>%{y:.5g}<extra>%{fullData.name}</extra>",
            )
    figure.update_layout(**layout)
    return figure, [name for _, name in left_out]


def panels_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Stage and name of every measurement: losses and accuracies first, the machinery last."""
    if not len(table):
        return []
    found = list(table[["stage", "name"]].drop_duplicates().itertuples(index=False, name=None))

    def rank(pair: tuple[str, str]) -> int:
        name = pair[1]
        if name in FIRST:
            return FIRST.index(name)
        return 20 + QUIET.index(name) if name in QUIET else 10

    return sorted(found, key=rank)


def height_of(panels: int, *, columns: int = 2) -> int:
    """Pixels that so many panels want."""
    rows = -(-min(panels, MOST_PANELS) // max(1, min(columns, panels))) if panels else 1
    return 90 + 200 * rows


def _title(stage: str, name: str, shown: Sequence[tuple[str, str]]) -> str:
    twins = sum(other == name for _, other in shown) > 1
    readable = name.replace("_", " ")
    return f"{readable} ({stage})" if twins and stage else readable
