"""Masked accuracy and bits per byte: against loops over single sentences, by hand, and without a head."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xviz.corpora.folder import choose
from xviz.corpora.tables import open_treebank
from xviz.evaluation.heads import NoHead, load_with_head
from xviz.evaluation.language_modelling import (
    compute_language_modelling,
    masked_hits,
    masked_places,
    piece_counts,
    read_language_modelling,
    sums_by_sentence,
    surprisal,
)
from xviz.evaluation.spec import LanguageModellingSpec
from xviz.journal import SILENT
from xviz.models.loading import LanguageModel
from xviz.models.spec import ModelRef
from xviz.representations.tokens import TokenisedTreebank, tokenise
from xviz.store import Store


def part(split: str, name: str = "German-Sample"):
    (spec,) = choose("sample", [name], split=split)
    return spec.model_copy(update={"limit": 12})


def tokens_of(model: LanguageModel, store: Store) -> TokenisedTreebank:
    return tokenise(open_treebank(part("test"), store=store), model)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def encoder(tiny_with_head) -> LanguageModel:
    return load_with_head(ModelRef(name=str(tiny_with_head("bert"))), device="cpu")


@pytest.fixture(scope="module")
def decoder(tiny_with_head) -> LanguageModel:
    return load_with_head(ModelRef(name=str(tiny_with_head("llama"))), device="cpu")


def spec_of(folder: Path, seed: int | None = None) -> LanguageModellingSpec:
    ref = ModelRef(name=str(folder), random_weights=seed)
    return LanguageModellingSpec(model=ref, text=part("test"), counted=part("train"))


def test_masks_are_drawn_by_seed_and_sentence_and_never_on_special_tokens(encoder, store) -> None:
    tokens = tokens_of(encoder, store)
    places = masked_places(tokens, share=0.15, seed=0)
    assert not places[tokens.special].any()
    for begin, end in zip(tokens.id_bounds, tokens.id_bounds[1:], strict=False):
        free = int((~tokens.special[begin:end]).sum())
        assert places[begin:end].sum() == max(1, round(0.15 * free))
    assert (places == masked_places(tokens, share=0.15, seed=0)).all()
    assert (places != masked_places(tokens, share=0.15, seed=1)).any()
    # the mask of a sentence depends on no other sentence: drop the first
    cut = tokens.id_bounds[1]
    rest = replace(
        tokens,
        sentences=tokens.sentences.iloc[1:].reset_index(drop=True),
        ids=tokens.ids[cut:],
        special=tokens.special[cut:],
        id_bounds=tokens.id_bounds[1:] - cut,
    )
    assert (masked_places(rest, share=0.15, seed=0) == places[cut:]).all()


def test_masked_hits_are_those_of_a_loop_over_sentences(encoder, store) -> None:
    tokens = tokens_of(encoder, store)
    places = masked_places(tokens, share=0.3, seed=0)
    guesses = np.zeros(len(tokens.ids), dtype=np.int64)
    for begin, end in zip(tokens.id_bounds, tokens.id_bounds[1:], strict=False):
        ids = [
            encoder.tokenizer.mask_token_id if masked else int(i)
            for i, masked in zip(tokens.ids[begin:end], places[begin:end], strict=True)
        ]
        with torch.inference_mode():
            logits = encoder.network(input_ids=torch.tensor([ids])).logits[0]
        guesses[begin:end] = logits.argmax(-1).numpy()
    # What stood at a masked place is not seen by the network: let every second one be what it guesses.
    truth = tokens.ids.copy()
    planted = np.flatnonzero(places)[::2]
    truth[planted] = guesses[planted]
    got = masked_hits(encoder, replace(tokens, ids=truth), places)
    want = truth[places] == guesses[places]
    assert want.sum() >= len(planted)
    assert not want.all()
    assert (got == want).all()


def test_surprisal_is_that_of_a_loop_over_sentences(decoder, store) -> None:
    tokens = tokens_of(decoder, store)
    got = surprisal(decoder, tokens)
    assert (got[tokens.special] == 0).all()
    for begin, end in zip(tokens.id_bounds, tokens.id_bounds[1:], strict=False):
        ids = tokens.ids[begin:end]
        assert ids[0] == decoder.start
        with torch.inference_mode():
            logits = decoder.network(input_ids=torch.from_numpy(ids)[None]).logits[0]
        for t in range(1, len(ids)):
            p = torch.softmax(logits[t - 1].double(), -1)[ids[t]]
            assert got[begin + t] == pytest.approx(-math.log2(float(p)), rel=1e-4)


def test_bits_per_byte_and_its_unigram_by_hand(decoder, store) -> None:
    tokens = tokens_of(decoder, store)
    other = tokenise(open_treebank(part("train"), store=store), decoder)
    spec = spec_of(Path(decoder.name))
    counts = piece_counts(other, decoder.vocabulary)
    table, facts = sums_by_sentence(decoder, tokens, counts, spec=spec)
    seen = Counter(other.ids[~other.special].tolist())
    for i, row in table.iterrows():
        text = tokens.sentences["text"][i]
        assert row["whole"] == len(text.encode("utf-8"))
        ids = tokens.ids[tokens.id_bounds[i] + 1 : tokens.id_bounds[i + 1]].tolist()
        total = sum(seen.values()) + decoder.vocabulary
        assert row["unigram"] == pytest.approx(sum(-math.log2((seen[k] + 1) / total) for k in ids))
    assert facts["unknown"] == 0.0


def test_a_network_that_knows_nothing_pays_the_logarithm_of_its_vocabulary(decoder, store) -> None:
    tokens = tokens_of(decoder, store)
    head = decoder.network.lm_head.weight
    before = head.detach().clone()
    try:
        head.zero_()
        bits = surprisal(decoder, tokens)[~tokens.special]
    finally:
        head.copy_(before)
    assert bits == pytest.approx(np.full(len(bits), math.log2(decoder.vocabulary)), rel=1e-6)


def test_the_unigram_of_an_encoder_guesses_the_commonest_piece(encoder, store) -> None:
    tokens = tokens_of(encoder, store)
    other = tokenise(open_treebank(part("train"), store=store), encoder)
    counts = piece_counts(other, encoder.vocabulary)
    commonest = Counter(other.ids[~other.special].tolist()).most_common(1)[0][0]
    spec = spec_of(Path(encoder.name))
    table, _ = sums_by_sentence(encoder, tokens, counts, spec=spec)
    places = masked_places(tokens, share=spec.masked, seed=spec.seed)
    assert table["whole"].sum() == places.sum()
    assert table["unigram"].sum() == (tokens.ids[places] == commonest).sum()


@pytest.mark.parametrize(("family", "why"), [("bert", "no language-modelling head"), ("xlmr", "mask token")])
def test_a_model_that_cannot_predict_pieces_says_why(tiny_models, tiny_with_head, store, family, why) -> None:
    folder = tiny_models(family) if family == "bert" else tiny_with_head(family)
    with pytest.raises(NoHead, match=why):
        load_with_head(ModelRef(name=str(folder)), device="cpu")
    specs = [spec_of(folder), spec_of(folder, seed=0)]
    compute_language_modelling(specs, store=store, journal=SILENT, load=lambda ref, dtype: None)
    for spec in specs:  # a random network is no floor for a trained one that cannot be measured
        table, facts = read_language_modelling(spec, store)
        assert table is None
        assert why in facts["without"]


def test_random_weights_are_a_network_of_their_own(tiny_with_head) -> None:
    folder = str(tiny_with_head("llama"))
    trained, one, other, again = (
        load_with_head(ModelRef(name=folder, random_weights=seed), device="cpu").network.lm_head.weight
        for seed in (None, 0, 1, 0)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, trained)
