"""Word-label sequences that can only be labelled in context, and a small transformer that learns to.

A word belongs to one concept for good; what the concepts are *called* is drawn anew for every sequence. So
without demonstrations a label can only be guessed (1 / concepts), and with enough of them every concept has
been named. Several languages have the same concepts and no word in common. A mini language model does not
learn in context by itself; this one does, and both readings (plain, aligned) can be tested on it.

Every word, label and mark is one character and one token, in the layout of
:mod:`xviz.learning.in_context.prompts`: ``xyz:xAyBzA;`` for the sentence x y z.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from xviz.journal import SILENT, Journal
from xviz.learning.in_context.labelling import Labeller
from xviz.learning.in_context.prompts import Demonstration, Style, prompt
from xviz.learning.loop import Batch, train
from xviz.learning.spec import TrainingSpec

STYLE = Style(sentence="", tagged="", joiner="", space="", line=":", between=";")
FIRST_WORD, FIRST_LABEL = 0x4E00, ord("A")
MARKS = (":", ";")
IGNORED = -100


@dataclass(frozen=True)
class Drawn:
    """Demonstrations and a sentence that share one naming of the concepts."""

    demonstrations: tuple[Demonstration, ...]
    words: tuple[str, ...]
    labels: tuple[str, ...]
    concepts: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    """What sequences look like.

    Attributes:
        concepts: as many labels.
        words: of each concept in each language.
        languages: without a word in common.
        length: words a sentence.
        demonstrations: the most that a sequence has.
    """

    concepts: int = 4
    words: int = 3
    languages: int = 6
    length: int = 4
    demonstrations: int = 8

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(chr(FIRST_LABEL + k) for k in range(self.concepts))

    @property
    def alphabet(self) -> tuple[str, ...]:
        """Every token but padding (id 0), in the order of ids from 1."""
        words = (chr(FIRST_WORD + i) for i in range(self.languages * self.concepts * self.words))
        return (*MARKS, *self.labels, *words)

    def encode(self, text: str) -> list[int]:
        index = {token: i for i, token in enumerate(self.alphabet, start=1)}
        return [index[character] for character in text]

    def word(self, language: int, concept: int, number: int) -> str:
        return chr(FIRST_WORD + (language * self.concepts + concept) * self.words + number)

    def draw(self, rng: np.random.Generator, *, language: int, demonstrations: int) -> Drawn:
        """One sequence; its naming of the concepts is a random permutation of the labels."""
        naming = rng.permutation(self.concepts)
        sentences = []
        for _ in range(demonstrations + 1):
            concepts = rng.integers(self.concepts, size=self.length)
            numbers = rng.integers(self.words, size=self.length)
            words = tuple(self.word(language, k, i) for k, i in zip(concepts, numbers, strict=True))
            sentences.append((words, tuple(self.labels[naming[k]] for k in concepts), concepts))
        (*shown, (words, labels, concepts)) = sentences
        return Drawn(
            tuple(Demonstration(w, named) for w, named, _ in shown), words, labels, tuple(concepts.tolist())
        )


def batches(task: Task, *, size: int = 32, seed: int = 0):
    """Batch number i of full sequences; the loss is on labels alone."""
    is_label = {task.encode(label)[0] for label in task.labels}

    def batch(number: int) -> Batch:
        rng = np.random.default_rng([seed, number])
        rows = []
        for _ in range(size):
            drawn = task.draw(
                rng, language=int(rng.integers(task.languages)), demonstrations=task.demonstrations
            )
            rows.append(task.encode(prompt(drawn.demonstrations, drawn.words, drawn.labels, style=STYLE)))
        ids = torch.tensor(rows)
        targets = torch.where(torch.isin(ids, torch.tensor(sorted(is_label))), ids, IGNORED)
        return Batch({"ids": ids, "targets": targets}, int((targets >= 0).sum()), ids.numel())

    return batch


class NextLabel(nn.Module):
    """Cross-entropy of each label given all before it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, ids: Int[Tensor, "rows places"], targets: Int[Tensor, "rows places"]) -> Tensor:
        logits = self.network(input_ids=ids).logits[:, :-1]
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), targets[:, 1:].flatten(), ignore_index=IGNORED
        )


def build_network(
    task: Task, *, width: int = 64, layers: int = 2, heads: int = 4, seed: int = 0
) -> nn.Module:
    """A small Llama-shaped decoder over the task's alphabet."""
    from transformers import LlamaConfig, LlamaForCausalLM

    longest = (task.demonstrations + 1) * (3 * task.length + 2)
    config = LlamaConfig(
        vocab_size=len(task.alphabet) + 1,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=longest,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def train_synthetic(
    task: Task,
    settings: TrainingSpec,
    *,
    network: nn.Module | None = None,
    size: int = 32,
    checkpoints: Path | None = None,
    journal: Journal = SILENT,
) -> nn.Module:
    """Train a small transformer on the task; returns it in evaluation mode."""
    network = build_network(task, seed=settings.seed) if network is None else network
    train(
        NextLabel(network),
        batches(task, size=size, seed=settings.seed),
        settings,
        checkpoints=checkpoints,
        journal=journal,
    )
    return network.eval()


def labeller(task: Task, network: nn.Module) -> Labeller:
    """The network as a labeller of this task."""
    return Labeller(network, task.encode, task.labels, style=STYLE)


def accuracy_in_context(
    task: Task, network: nn.Module, *, shown: int, sequences: int = 100, seed: int = 1, language: int = 0
) -> float:
    """Share of words labelled right after ``shown`` demonstrations, read plainly, over fresh sequences."""
    rng, right = np.random.default_rng([seed, shown]), []
    reader = labeller(task, network)
    for _ in range(sequences):
        drawn = task.draw(rng, language=language, demonstrations=shown)
        (found,) = reader.label(drawn.demonstrations, [drawn.words])
        right += [task.labels[k] == label for k, label in zip(found.predicted, drawn.labels, strict=True)]
    return float(np.mean(right))
