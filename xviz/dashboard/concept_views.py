"""The maps of the concept-space page: what each needs, one or two of them drawn, what is ringed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from xviz.concepts.spec import ConceptSpaceSpec
from xviz.corpora.catalogue import without_ud
from xviz.corpora.folder import TreebankFiles
from xviz.dashboard import choices as shared
from xviz.dashboard.choices import Choices
from xviz.dashboard.concept_choices import Looks, can_probe, map_specification, probe_of, with_concept
from xviz.dashboard.figure import Link, events_of
from xviz.dashboard.frame import finish_head
from xviz.dashboard.live_sentence import LiveSentence
from xviz.dashboard.map_beside import Beside
from xviz.dashboard.map_view import Drawn, Extras, all_maps, as_pca, draw_map
from xviz.dashboard.results import Work, obtain
from xviz.dashboard.selection import Picks, found_sentence, picks
from xviz.dashboard.server import store
from xviz.dashboard.word_panel import neighbours_of, rows_of
from xviz.dashboard.word_search import find
from xviz.dashboard.word_sentence import word_table
from xviz.figures.concept_marks import Highlight
from xviz.projection.nearest import Nearest
from xviz.projection.spec import MapSpec
from xviz.representations.spec import WordVectorsSpec

WITHIN = 60
"""Seconds for which a space, a probe or the vectors of sentences are computed while the reader waits."""

FIRST, SECOND = "cs-map", "cs-map-beside"


@dataclass(frozen=True)
class View:
    """One map of the page, and what stands beside it."""

    choices: Choices
    layer: int
    spec: MapSpec
    spaces: list[ConceptSpaceSpec]
    treebanks: tuple[TreebankFiles, ...]
    probe: ConceptSpaceSpec | None
    title: str
    only: tuple[int, ...] | None = None

    def layers(self) -> list[int]:
        """Those that can be shown at once: their vectors, and a UMAP or a probe where chosen, are there."""
        return _layers(self.spec.key, self)

    def _is_there(self, layer: int) -> bool:
        sources = [source.model_copy(update={"layer": layer}) for source in self.spec.sources]
        if self.spec.probe is not None or self.spec.method == "umap":
            return layer == self.layer or store().find(self._at(layer)) is not None
        units = [s.sentences("mean") for s in sources] if self.spec.unit == "sentences" else sources
        return all(store().find(unit) is not None for unit in units)

    def _at(self, layer: int) -> MapSpec:
        """The same map at another layer."""

        def moved(spec: MapSpec, layer: int, start: MapSpec | None) -> MapSpec:
            probe = spec.probe
            if probe is not None:
                parts = {"vectors": probe.vectors, "dev": probe.dev}
                changed = {
                    n: s.model_copy(update={"layer": layer}) for n, s in parts.items() if s is not None
                }
                probe = probe.model_copy(update=changed)
            sources = tuple(source.model_copy(update={"layer": layer}) for source in spec.sources)
            return spec.model_copy(update={"sources": sources, "probe": probe, "start": start})

        begin = shared.default_layer(self.choices.facts)
        return moved(self.spec, layer, None if layer == begin else moved(self.spec, begin, None))


@st.cache_data(ttl=15, max_entries=64, show_spinner=False)
def _layers(key: str, _view: View) -> list[int]:
    return [layer for layer in _view.choices.layers if _view._is_there(layer)]


@dataclass(frozen=True)
class Shown:
    """What was drawn, and what the reader picked."""

    spec: MapSpec
    points: pd.DataFrame
    picked: Picks
    neighbours: Nearest | None
    found: list[int]
    found_on_map: int


def first_view(choices: Choices, layer: int, concepts: str, looks: Looks) -> View:
    """The map that the page is about; stops the page where its vectors have to be asked for."""
    if obtain(choices.work([layer]), fuller=choices.work(choices.layers)) is None:
        finish_head()
        st.stop()
    return _view(choices, layer, concepts, looks)


def second_view(beside: Beside, first: View, concepts: str, looks: Looks) -> View:
    """The map beside it."""
    if beside.kind == "languages":
        names = [without_ud(beside.choices.treebanks[i].name) for i in beside.only or ()]
        only = tuple(i for i, t in enumerate(first.treebanks) if without_ud(t.name) in names)
        return replace(first, only=only, title=beside.title)
    if obtain(beside.choices.work([beside.layer])) is None:
        finish_head()
        st.stop()
    return replace(_view(beside.choices, beside.layer, concepts, looks), title=beside.title)


def ready(view: View) -> bool:
    """Whether everything of a view is there, or could be computed while the reader waited."""
    needed = [*view.spaces, *all_maps(as_pca(view.spec))]
    if view.probe is not None:
        needed.insert(0, view.probe)
    work = Work("Compute the space", tuple(needed), f"Concept space of {view.title}", "")
    return obtain(work, within=WITHIN) is not None


def show_views(
    view: View, other: View | None, looks: Looks, wanted: str, *, typed: LiveSentence | None = None
) -> Shown:
    """Draw one map, or two beside one another, with what is picked and found ringed in both.

    ``typed``: a sentence whose words are placed on the first map.
    """
    events = [events_of(key) for key in (FIRST, SECOND)[: 1 + (other is not None)]]
    picked = picks(view.spec, events, store(), key="cs", link=True)
    neighbours = neighbours_of(picked.word, view.spec) if picked.word is not None else None
    found = find(wanted, view.spec)
    rings = _rings(picked.word, neighbours, wanted, found, view.spec)
    if other is None:
        drawn = _draw(view, looks, rings, key=FIRST, typed=typed)
        points = drawn.points
    else:
        link = Link(_group(view), "place" if other.only is not None else "id")
        same = _same_words(view.spec, other.spec)
        if other.only is not None:
            rest = tuple(i for i in range(len(view.treebanks)) if i not in other.only)
            view = replace(view, only=rest, title=_names(rest, view.treebanks))
        left, right = st.columns(2)
        with left:
            st.markdown(f"**{view.title}**")
            drawn = _draw(view, looks, rings, key=FIRST, link=link, caption=False, typed=typed)
        with right:
            st.markdown(f"**{other.title}**")
            second = _draw(
                other,
                looks,
                rings if same else (),
                key=SECOND,
                link=link if same else Link(f"{_group(view)}, apart"),
                caption=False,
            )
        st.caption(_how_to_compare(view, other, same_words=same))
        points = pd.concat([drawn.points, second.points], ignore_index=True)
        if other.only is None:
            points = drawn.points
    there = set(points["row"])
    return Shown(drawn.spec, points, picked, neighbours, found, sum(row in there for row in found))


def _draw(
    view: View,
    looks: Looks,
    rings: tuple[Highlight, ...],
    *,
    key: str,
    link: Link | None = None,
    caption: bool = True,
    typed: LiveSentence | None = None,
) -> Drawn:
    return draw_map(
        view.spec,
        view.treebanks,
        colour_by=looks.colour_by,
        title=view.title,
        key=key,
        extras=Extras(
            skeleton=looks.skeleton,
            judge=view.probe if looks.colour_by == "probe" else None,
            rings=rings,
            only=view.only,
            typed=typed,
        ),
        link=link or Link(_group(view)),
        caption=caption,
    )


def _group(view: View) -> str:
    """Figures that show the same words: what is encircled in one is not shown among the words of others."""
    names = ", ".join(f"{s.treebank.name} {s.treebank.split}" for s in view.spec.sources)
    return f"{view.spec.unit} of {names}"


def _same_words(one: MapSpec, other: MapSpec) -> bool:
    """Whether a row is the same word in both; another network may leave other sentences out."""
    if one.sources == other.sources:
        return True
    pairs = zip(one.sources, other.sources, strict=True)
    return all(a.table() == b.table() or _forms(a).equals(_forms(b)) for a, b in pairs)


def _forms(source: WordVectorsSpec) -> pd.Series:
    return word_table(source.table(), store())["form"]


def _how_to_compare(view: View, other: View, *, same_words: bool) -> str:
    if not same_words:
        return "The two networks leave different sentences out, so the maps are not linked."
    sample, unit = view.spec.sample, view.spec.unit
    drawn = f"At most {sample:,} {unit} a treebank (seed {view.spec.seed})"
    if view.spec.dims == 3:
        return f"{drawn}, the same in both maps. A {unit[:-1]} that is clicked is ringed in both."
    if other.only is not None:
        return (
            f"{drawn}, all in one layout: a place is the same in both maps, and large marks are prototypes "
            f"over all languages. Encircle {unit} in one map: those of the same place "
            "in the other are chosen too."
        )
    return (
        f"{drawn}, the same in both maps, each in its own layout. Encircle {unit} in one map to see where "
        f"they lie in the other; a {unit[:-1]} that is clicked is ringed in both."
    )


def _view(choices: Choices, layer: int, concepts: str, looks: Looks) -> View:
    begin = shared.default_layer(choices.facts)
    vectors, anchor = choices.vectors(layer), choices.vectors(begin)
    grouped = "upos" if looks.unit == "sentences" else concepts
    vectors, anchor, treebanks = with_concept(grouped, vectors, anchor, choices.treebanks)
    probes: list[ConceptSpaceSpec] = []
    name = looks.probe_of
    if looks.asks_probe and name in can_probe(treebanks):
        probes = [probe_of(name, each, grouped, choices.data) for each in (vectors, anchor)]
    spec = map_specification(vectors, anchor, grouped, looks, probes=probes)
    spaces = [ConceptSpaceSpec(vectors=source, concepts=grouped, root=spec.root) for source in vectors]
    title = f"{choices.model.name}, layer {layer}"
    return View(choices, layer, spec, spaces, treebanks, probes[0] if probes else None, title)


def _rings(
    word: int | None, neighbours: Nearest | None, wanted: str, found: Sequence[int], spec: MapSpec
) -> tuple[Highlight, ...]:
    rings = []
    if found:
        rings.append(Highlight(f"found: {wanted}", found))
    if neighbours is not None and word is not None:
        rings.append(Highlight("its nearest", rows_of(neighbours)))
    if word is not None:
        form = found_sentence(word, spec, store()).form
        rings.append(Highlight(form if len(form) <= 24 else f"{form[:23]}…", [word], strong=True))
    return tuple(rings)


def _names(only: Sequence[int], treebanks: Sequence[TreebankFiles]) -> str:
    return ", ".join(without_ud(treebanks[i].name) for i in only)
