"""What an offer counts: passes of the network, of its controls, and comparisons of pairs."""

from __future__ import annotations

from xviz.alignability.spec import AlignSpec, RetrieveSpec
from xviz.corpora.folder import choose
from xviz.models.spec import ModelRef
from xviz.runs.resolve import estimate
from xviz.runs.steps import missing
from xviz.store import Store


def offer_of(spec, home):
    store = Store(home / "store")
    return estimate([spec], missing([spec], store), store)


def test_controls_of_a_comparison_count_and_are_named(xviz_home, tiny_models):
    banks = tuple(choose("sample", ["English-Sample", "German-Sample", "Finnish-Sample"]))
    fields = {"model": ModelRef(name=str(tiny_models("bert"))), "treebanks": banks, "pooling": "first"}

    def offered(**changes):
        return offer_of(AlignSpec(layers=(0, 1), **fields, **changes), xviz_home)

    bare, controlled = offered(random_weights=0), offered(random_weights=5)
    assert (bare.controls, controlled.controls) == (0, 15)
    assert controlled.seconds > bare.seconds
    assert controlled.bytes == bare.bytes, "the vectors of controls are not kept"
    assert "3 treebanks through the network, 15 through control networks" in controlled.sentence
    assert "all pairs against their nulls" in bare.sentence


def test_a_retrieval_reads_every_treebank_with_every_network(xviz_home, tiny_models):
    banks = tuple(choose("sample", ["English-Sample", "German-Sample"]))
    spec = RetrieveSpec(
        model=ModelRef(name=str(tiny_models("bert"))),
        treebanks=banks,
        languages=("eng", "deu"),
        pivot="eng",
        layers=(0,),
        n=90,
        random_weights=3,
    )
    assert offer_of(spec, xviz_home).controls == 6
