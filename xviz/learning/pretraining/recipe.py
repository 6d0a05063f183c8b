"""The recipe: text -> tokenizer -> packed corpus -> network -> an ordinary Hugging Face folder.

Stopped at any moment and started again with the same specification, it goes on from its last checkpoint.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from xviz.errors import InputError
from xviz.journal import SILENT, Journal
from xviz.learning.loop import Batch, State, train
from xviz.learning.pretraining.corpus import (
    Packed,
    deal,
    dev_rows,
    obtain_packed,
    pairs_epoch,
    text_epoch,
)
from xviz.learning.pretraining.embeddings import spectral_embeddings
from xviz.learning.pretraining.networks import build
from xviz.learning.pretraining.objectives import (
    CausalLanguageModelling,
    MaskedLanguageModelling,
    causal_batch,
    masked_batch,
)
from xviz.learning.pretraining.spec import WEIGHTS, WIDTHS, PackedSpec, PretrainSpec
from xviz.learning.pretraining.tokenizer import (
    BOS,
    EOS,
    MASK,
    PAD,
    SPECIAL,
    UNK,
    obtain_tokenizer,
    with_frame,
)
from xviz.store import Store

SPEC_FILE = "pretrain.json"


def pretrain(spec: PretrainSpec, out: Path, journal: Journal = SILENT, *, store: Store | None = None) -> Path:
    """Train the network of ``spec`` and write it to ``out`` as a Hugging Face folder.

    Args:
        spec: everything that determines the network; :func:`xviz.learning.pretraining.spec.preset` makes one.
        out: the folder to write; it appears complete or not at all. Checkpoints lie in the journal's folder,
            else beside ``out`` in ``<out>.checkpoints`` until the training is over.
        journal: progress, the curve of the loss, "stop?".
        store: where tokenizer and packed text are kept.

    Returns:
        ``out``. If it already holds what this very specification gives, nothing is done.

    Raises:
        Cancelled: asked to stop; call again to go on.
        InputError: text or pairs can't be used, or ``out`` holds something else.
    """
    if _holds(out, spec):
        journal.log(f"{out} already holds this network.")
        return out
    store = store or Store()
    tokenizer = obtain_tokenizer(spec.tokenizer, store=store, journal=journal)
    text = obtain_packed(
        PackedSpec(folder=spec.text, paired=False, tokenizer=spec.tokenizer),
        tokenizer,
        store=store,
        journal=journal,
    )
    pairs = None
    if spec.pairs is not None and spec.batches.pairs > 0:
        packed = PackedSpec(folder=spec.pairs, paired=True, tokenizer=spec.tokenizer)
        pairs = obtain_packed(packed, tokenizer, store=store, journal=journal)

    special = {name: SPECIAL.index(token) for name, token in _SPECIAL_NAMES.items()}
    network = build(
        spec.family,
        spec.network,
        vocabulary=tokenizer.get_vocab_size(),
        special=special,
        seed=spec.training.seed,
    )
    if spec.start is not None:
        go_on_from(network, spec)
    elif spec.network.embeddings == "spectral":
        start_embeddings(network, spec, text, pairs, journal)
    feed = Feed(spec, text, pairs, special=special, vocabulary=tokenizer.get_vocab_size())
    objective = (
        MaskedLanguageModelling(network) if spec.family == "encoder" else CausalLanguageModelling(network)
    )

    journal.stage(f"Training the {spec.family}")
    checkpoints = journal.checkpoints or out.with_name(out.name + ".checkpoints")
    state = train(
        objective,
        feed.batch,
        spec.training,
        evaluate=functools.partial(mean_dev_loss, feed.dev()),
        checkpoints=checkpoints,
        about={"specification": spec.key, "tokenizer": _digest(tokenizer)},
        journal=journal,
    )

    journal.stage("Writing the model")
    write_folder(out, spec, network, tokenizer, text, state)
    if journal.checkpoints is None:
        shutil.rmtree(checkpoints, ignore_errors=True)
    return out


def go_on_from(network: PreTrainedModel, spec: PretrainSpec) -> None:
    """Put the weights of ``spec.start`` into the network.

    Raises:
        InputError: it is a network of another shape.
    """
    assert spec.start is not None
    weights = load_file(Path(spec.start) / WEIGHTS)
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
        unexpected += [name for name in missing if name not in (network.all_tied_weights_keys or {})]
    except RuntimeError:
        unexpected = ["sizes"]
    if unexpected:
        raise InputError(
            f"The {spec.family} to go on from has another shape than the preset ({unexpected[0]}).",
            file=spec.start,
        )


def start_embeddings(
    network: PreTrainedModel, spec: PretrainSpec, text: Packed, pairs: Packed | None, journal: Journal
) -> None:
    """Put spectral embeddings in the place of random ones, for every token that was counted."""
    table = next(network.get_input_embeddings().parameters())
    vocabulary, width = table.shape
    start = spectral_embeddings(
        text,
        pairs,
        spec.batches,
        vocabulary=vocabulary,
        width=width,
        seed=spec.training.seed,
        journal=journal,
    )
    vectors = torch.from_numpy(start)
    with torch.no_grad():
        table.copy_(torch.where(vectors.any(dim=1, keepdim=True), vectors, table))


class Feed:
    """The batches of a specification: number i of training, and those of dev."""

    def __init__(
        self,
        spec: PretrainSpec,
        text: Packed,
        pairs: Packed | None,
        *,
        special: dict[str, int],
        vocabulary: int,
    ):
        self.spec, self.text, self.pairs, self.special = spec, text, pairs, special
        self.pieces = range(len(SPECIAL), vocabulary)
        self._starts = [0]
        self._epoch = functools.lru_cache(maxsize=2)(self._plan)

    def batch(self, i: int) -> Batch:
        """Batch number i of training."""
        epoch = max(e for e, start in enumerate(self._starts) if start <= i)
        while i >= self._starts[epoch] + len(self._epoch(epoch)):
            if epoch + 1 == len(self._starts):
                self._starts.append(self._starts[epoch] + len(self._epoch(epoch)))
            epoch += 1
        width, rows = self._epoch(epoch)[i - self._starts[epoch]]
        return self._collate(width, rows, np.random.default_rng([self.spec.training.seed, i, 2]))

    def dev(self) -> dict[str, list[Batch]]:
        """Batches of dev by kind (``text``, ``pairs``); the same tokens are guessed every time."""
        kinds = {"text": self.text} | ({"pairs": self.pairs} if self.pairs is not None else {})
        return {
            kind: [
                self._collate(width, rows, np.random.default_rng([0, n, 3]))
                for n, (width, rows) in enumerate(
                    deal(dev_rows(packed), packed, self.spec.batches, frame=2, seed=None)
                )
            ]
            for kind, packed in kinds.items()
        }

    def _plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """The batches of an epoch: the text once, and as many batches of pairs as their share asks for."""
        settings, seed = self.spec.batches, self.spec.training.seed
        rows = text_epoch(self.text, settings, seed, epoch)
        plan = deal(rows, self.text, settings, frame=2, seed=[seed, epoch, 0])
        if not plan:
            raise InputError("The text is too little to make a batch of.", file=self.spec.text)
        if self.pairs is None:
            return plan
        wanted = round(len(plan) * settings.pairs / (1 - settings.pairs))
        paired: list[tuple[int, np.ndarray]] = []
        for again in range(1000):
            rows = pairs_epoch(self.pairs, seed, 1000 * epoch + again)
            more = deal(rows, self.pairs, settings, frame=2, seed=[seed, epoch, again, 1])
            if len(paired) >= wanted or not more:
                break
            paired += more
        both = plan + paired[:wanted]
        order = np.random.default_rng([seed, epoch, 4]).permutation(len(both))
        return [both[n] for n in order]

    def _collate(self, width: int, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        settings = self.spec.batches
        packed = self.pairs if rows.shape[1] == 2 and self.pairs is not None else self.text
        size = max(settings.tokens, WIDTHS[-1])
        if self.spec.family == "decoder":
            return causal_batch(rows, width, packed, targets=size, special=self.special)
        share = settings.masked if packed is self.text else settings.masked_pairs
        return masked_batch(
            rows,
            width,
            packed,
            share=share,
            targets=max(1, round(share * size)),
            special=self.special,
            vocabulary=self.pieces,
            rng=rng,
        )


def mean_dev_loss(dev: Mapping[str, list[Batch]], objective: nn.Module) -> dict[str, float]:
    """Mean loss a target, in nats, of each kind of dev batches."""
    device = next(objective.parameters()).device
    losses = {}
    for kind, batches in dev.items():
        total = sum(
            float(objective(**{name: x.to(device) for name, x in batch.inputs.items()})) * batch.targets
            for batch in batches
        )
        losses[f"dev_loss_{kind}"] = total / max(1, sum(batch.targets for batch in batches))
    return losses


def write_folder(
    out: Path, spec: PretrainSpec, network: PreTrainedModel, tokenizer: Tokenizer, text: Packed, state: State
) -> None:
    """Write network (fp16), tokenizer, specification and card; the folder appears complete or not at all."""
    partial = out.with_name(f".{out.name}.partial-{uuid.uuid4().hex[:8]}")
    network.cpu().half().save_pretrained(partial)
    as_transformers(tokenizer, spec).save_pretrained(partial)
    described = spec.model_dump(mode="json") | {"key": spec.key, "version": spec.version}
    folders = ("text", "pairs", "start", "file")  # names, not where they lay on one machine
    for place in (described, described["tokenizer"]):
        place |= {name: Path(place[name]).name for name in folders if place.get(name)}
    (partial / SPEC_FILE).write_text(json.dumps(described, indent=1), "utf-8")
    (partial / "README.md").write_text(_card(spec, network, text, state), "utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        if any(out.iterdir()):
            shutil.rmtree(partial)
            raise InputError("The folder holds something else; choose another one.", file=out)
        out.rmdir()
    os.replace(partial, out)


def as_transformers(tokenizer: Tokenizer, spec: PretrainSpec) -> PreTrainedTokenizerFast:
    """The tokenizer with its special tokens, its frame and its longest input."""
    return PreTrainedTokenizerFast(
        tokenizer_object=with_frame(tokenizer, spec.family),
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        pad_token=PAD,
        mask_token=MASK,
        cls_token=BOS,
        sep_token=EOS,
        padding_side="right",
        truncation_side="right",
        model_max_length=spec.network.positions,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


_SPECIAL_NAMES = {"bos": BOS, "eos": EOS, "pad": PAD, "mask": MASK}


def _digest(tokenizer: Tokenizer) -> str:
    """Differs where the numbers of tokens may differ: a cleared store may bring another tokenizer."""
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:16]


def _begun(spec: PretrainSpec) -> str:
    """Training before this one, as its own folder's specification tells it."""
    if spec.start is None:
        return ""
    try:
        before = json.loads((Path(spec.start) / SPEC_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return f"- **Went on from** `{Path(spec.start).name}`.\n"
    minutes = before["training"].get("minutes")
    spent = f", trained for {minutes:g} minutes" if minutes else ""
    return f"- **Went on from** `{Path(spec.start).name}` (specification {before['key'][:8]}{spent}).\n"


def _holds(out: Path, spec: PretrainSpec) -> bool:
    """Whether ``out`` is a finished folder of ``spec``; an empty or absent folder is free to write."""
    if not out.exists() or not any(out.iterdir()):
        return False
    try:
        key = json.loads((out / SPEC_FILE).read_text("utf-8"))["key"]
    except (OSError, ValueError, KeyError):
        key = None
    if key != spec.key:
        raise InputError("The folder holds something else; choose another one.", file=out)
    return True


def _card(spec: PretrainSpec, network: PreTrainedModel, text: Packed, state: State) -> str:
    parameters = sum(p.numel() for p in network.parameters())
    languages = ", ".join(sorted(text.train))
    sources = Path(spec.text) / "SOURCES.tsv"
    known = "see the table of sources of the text" if sources.is_file() else "as given by the user"
    dev = "\n".join(f"- {name}: {value:.3f}" for name, value in sorted(state.dev.items()))
    kind = "masked language model" if spec.family == "encoder" else "causal language model"
    return f"""---
library_name: transformers
pipeline_tag: {"fill-mask" if spec.family == "encoder" else "text-generation"}
---

# {spec.preset}-{spec.family}

A small {kind} trained for demonstration; use a large one for claims.

- **Network**: {type(network).__name__}, {spec.network.layers} layers, width {spec.network.width},
  {parameters / 1e6:.1f} M parameters, {spec.tokenizer.vocabulary:,} pieces.
- **Training**: {state.step:,} steps, {state.tokens:,} tokens, {state.seconds / 60:.0f} minutes in the loop;
  learning rate {spec.training.learning_rate:g}, seed {spec.training.seed}. Everything is in `{SPEC_FILE}`.
{_begun(spec)}- **Languages** (ISO 639-3): {languages}.

## Loss on dev (nats a target)

{dev}

## Data and licence

Text: {len(text.train)} languages, {known}.
{"Translations: concatenated pairs (translation language modelling)." if spec.pairs else "No translations."}
Each source keeps its own licence; some are for non-commercial use only, so the weights are offered for
research and demonstration.

Made {time.strftime("%Y-%m-%d")} by `xviz pretrain`.
"""
