"""How fast and how large is extraction? Against the network alone, the usual script, and other packages.

A random encoder and a random decoder of 6 layers and width 384, with tokenizers trained on the text at hand,
stand in for trained ones: time and memory do not depend on what the weights say.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from benchmarks import peers
from benchmarks.networks import build_tiny
from benchmarks.rows import Row
from xviz.corpora.reader import read_treebank
from xviz.corpora.spec import TreebankSpec
from xviz.corpora.treebank import Treebank
from xviz.models.loading import LanguageModel, load
from xviz.models.spec import Dtype, ModelRef
from xviz.representations.batches import Batch, default_budget, plan_batches
from xviz.representations.extract import Extraction, extract
from xviz.representations.spec import WordVectorsSpec
from xviz.representations.streaming import stream_prototypes
from xviz.representations.tokens import tokenise
from xviz.store import Store

TREEBANKS = ("UD_German-PUD", "UD_Chinese-PUD", "UD_Arabic-PUD")
SENTENCES = 200  # of each treebank
REPEATS = 5
PEER_SECONDS = 8.0
FAMILIES = {"encoder": "bert", "decoder": "llama"}


def rows(data: Path) -> list[Row]:
    """Every comparison, measured on this machine now."""
    with tempfile.TemporaryDirectory(prefix="xviz-bench-") as place:
        folder = Path(place)
        os.environ["XVIZ_HOME"] = str(folder / "home")
        (folder / "home").mkdir()
        bank, spec = _treebank(data, folder)
        texts = bank.sentences["text"].tolist()
        size = {"layers": 6, "width": 384, "heads": 6, "vocabulary": 8000}
        models = {kind: build_tiny(name, folder / kind, texts, **size) for kind, name in FAMILIES.items()}
        found: list[Row] = []
        for kind, model in models.items():
            found += _speed(kind, model, bank, spec)
        found += _peers(models["encoder"], bank, spec, folder)
        found.append(_second_request(models["encoder"], bank, spec))
        return found + _memory(data, folder)


def _treebank(data: Path, folder: Path) -> tuple[Treebank, TreebankSpec]:
    """The first sentences of several treebanks, as one."""
    blocks: list[str] = []
    for name in TREEBANKS:
        (file,) = sorted((data / "ud" / name).glob("*-test.conllu"))
        sentences = file.read_text("utf-8").split("\n\n")[:SENTENCES]
        blocks += [block.replace("# sent_id = ", f"# sent_id = {name}-") for block in sentences]
    path = folder / "mixed-ud-test.conllu"
    path.write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    spec = TreebankSpec(name="UD_Mixed-PUD", language="mul", files=(str(path),), split="test")
    return read_treebank(spec), spec


def _specs(model: LanguageModel, folder: Path, bank: TreebankSpec) -> list[WordVectorsSpec]:
    return [
        WordVectorsSpec(
            model=ModelRef(name=str(folder)),
            treebank=bank,
            layer=layer,
            pooling="first" if model.family == "encoder" else "last",
            dtype=model.dtype,
        )
        for layer in range(model.layers + 1)
    ]


def _speed(kind: str, folder: Path, bank: Treebank, spec: TreebankSpec) -> list[Row]:
    model = load(str(folder))
    fine = model if model.dtype == "fp32" else load(str(folder), dtype="fp32")
    tokens = tokenise(bank, model)
    budget = default_budget(model.device)
    batches = [Batch.of(tokens, sentences, model) for sentences in plan_batches(tokens.lengths, budget)]
    words = len(tokens.words)
    specs = _specs(model, folder, spec)

    def bare() -> None:
        for batch in batches:
            with model.arithmetic():
                model.network(input_ids=batch.ids, attention_mask=batch.mask)
        _wait(model)

    some = bank.sentences["text"].tolist()[:: max(1, len(bank) // 60)]
    some_words = int(bank.sentences["length"][:: max(1, len(bank) // 60)].sum())

    def script(network: LanguageModel) -> Callable[[], None]:
        def run() -> None:
            for text in some:
                encoding = network.tokenizer(text, return_tensors="pt").to(network.device)
                with network.arithmetic():
                    states = network.network(**encoding, output_hidden_states=True).hidden_states
                [state.cpu() for state in states]

        return run

    ours, alone, usual, same = _in_turn(
        lambda: _extract_once(model, bank, specs), bare, script(fine), script(model)
    )
    what = f"words a second, all {model.layers + 1} layers into the store ({model.dtype})"
    common = {"what": what, "unit": "words/s", "value": words / ours}
    n = f"{words} words of {', '.join(TREEBANKS)}, median of {REPEATS}"
    return [
        Row(
            **common,
            name=f"{kind}: of the network alone",
            baseline_name="a bare forward pass over the same batches",
            baseline=words / alone,
            ratio=alone / ours,
            wanted="at least 0.85",
            n=words,
            note=f"{n}; tokenising, pooling, writing and hashing included, reading CoNLL-U not",
        ),
        Row(
            **common,
            name=f"{kind}: over a sentence at a time",
            baseline_name="the usual script: a sentence at a time, all layers to the CPU, fp32",
            baseline=some_words / usual,
            ratio=(words / ours) / (some_words / usual),
            wanted="at least 5",
            n=words,
            note=f"the script reads {len(some)} of the sentences",
        ),
        Row(
            **common,
            name=f"{kind}: the same in one arithmetic",
            baseline_name=f"a sentence at a time, all layers to the CPU, {model.dtype}",
            baseline=some_words / same,
            ratio=(words / ours) / (some_words / same),
            wanted="for information",
            n=words,
        ),
    ]


def _extract_once(model: LanguageModel, bank: Treebank, specs: list[WordVectorsSpec]) -> Extraction:
    """Into a new store (removed with everything else at the end, for that is no part of the work)."""
    store = Store(Path(tempfile.mkdtemp(dir=os.environ["XVIZ_HOME"])))
    return extract(model, bank, specs, store=store)


def _in_turn(*works: Callable[[], object]) -> list[float]:
    """Median seconds of each, measured in turn (A B C A B C ...) after one round of warming up."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(REPEATS + 1):
        for work, kept in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            if turn:
                kept.append(time.perf_counter() - started)
    return [statistics.median(kept) for kept in seconds]


def _wait(model: LanguageModel) -> None:
    if model.device.startswith("cuda"):
        torch.cuda.synchronize(model.device)


def _peers(folder: Path, bank: Treebank, spec: TreebankSpec, place: Path) -> list[Row]:
    """Other packages, in fp32 as they load a model; xviz in fp32 as well."""
    model = load(str(folder), dtype="fp32")
    specs = _specs(model, folder, spec)
    tokens = bank.words.drop_duplicates(["sentence", "start", "end"])
    german = range(SENTENCES)  # both split text at spaces, so only a language with spaces is fair
    forms = [tokens.loc[tokens["sentence"] == i] for i in german]
    texts = bank.sentences["text"].tolist()
    sentences = [
        [texts[i], [texts[i][a:b] for a, b in zip(rows["start"], rows["end"], strict=True)]]
        for i, rows in zip(german, forms, strict=True)
    ]
    (place / "sentences.json").write_text(json.dumps(sentences), encoding="utf-8")
    found = []
    for name in peers.PACKAGES:
        row = Row(
            name=f"encoder: over {name}",
            what="words a second, all 7 layers of an encoder (fp32)",
            unit="words/s",
            value=None,
            baseline_name=peers.PACKAGES[name][0].replace("==", " "),
            baseline=None,
            ratio=None,
            wanted="above 1",
            n=len(bank.words),
        )
        why = peers.install(name, place / name)
        if why is None:
            theirs, why = _run_peer(name, folder, place)
        if why is not None:
            found.append(_with(row, note=f"not measured: {why}"))
            continue
        started = time.perf_counter()
        done = _extract_once(model, bank, specs)
        speed = done.words / (time.perf_counter() - started)
        again, _ = _run_peer(name, folder, place)
        baseline = statistics.mean([theirs, again or theirs])
        found.append(_with(row, value=speed, baseline=baseline, ratio=speed / baseline))
    return found


def _run_peer(name: str, folder: Path, place: Path) -> tuple[float, str | None]:
    repository = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(place / name), str(repository)])
    command = [sys.executable, "-m", "benchmarks.peers", name, str(folder), str(place / "sentences.json")]
    done = subprocess.run(
        [*command, str(PEER_SECONDS)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return 0.0, (done.stderr.strip().splitlines() or ["it failed"])[-1]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return told["words"] / told["seconds"], None


def _with(row: Row, **changes: object) -> Row:
    return Row(**{**row.__dict__, **changes})  # type: ignore[arg-type]


def _second_request(folder: Path, bank: Treebank, spec: TreebankSpec) -> Row:
    model = load(str(folder))
    specs = _specs(model, folder, spec)
    with tempfile.TemporaryDirectory(prefix="xviz-bench-") as place:
        store = Store(Path(place))
        first = extract(lambda: load(str(folder)), bank, specs, store=store)
        second = extract(lambda: load(str(folder)), bank, specs, store=store)
    return Row(
        name="a second identical request",
        what="seconds until all layers are there again",
        unit="s",
        value=second.seconds,
        baseline_name="the first request",
        baseline=first.seconds,
        ratio=second.seconds / first.seconds,
        wanted="no forward pass",
        n=len(specs),
        note=f"forward passes: first {first.forward_passes}, second {second.forward_passes}",
    )


MEMORY_SENTENCES = 250
MEMORY_SIZES = (1, 4, 16)


def _memory(data: Path, folder: Path) -> list[Row]:
    """Peak memory of a process, as the corpus grows."""
    (file,) = sorted((data / "ud" / TREEBANKS[0]).glob("*-test.conllu"))
    blocks = file.read_text("utf-8").split("\n\n")[:MEMORY_SENTENCES]
    for part in range(max(MEMORY_SIZES)):
        renamed = "\n\n".join(block.replace("# sent_id = ", f"# sent_id = {part}-") for block in blocks)
        (folder / f"part-{part}.conllu").write_text(renamed + "\n\n", encoding="utf-8")
    texts = read_treebank(_part(folder, 0)).sentences["text"].tolist()
    model = build_tiny("xlmr", folder / "small", texts, layers=3, width=128, heads=4, vocabulary=4000)
    found = []
    for way, wanted in (("stored", "for information"), ("streaming", "at most 1.05")):
        peaks = [_peak(way, model, folder, size) for size in MEMORY_SIZES]
        told = ", ".join(f"{size}x {peak:,.0f} MB" for size, peak in zip(MEMORY_SIZES, peaks, strict=True))
        found.append(
            Row(
                name=f"memory, {way}",
                what="peak memory of a process that reads 16 times the corpus",
                unit="MB",
                value=peaks[-1],
                baseline_name="one time the corpus",
                baseline=peaks[0],
                ratio=peaks[-1] / peaks[0],
                wanted=wanted,
                n=MEMORY_SENTENCES * MEMORY_SIZES[-1],
                note=told,
            )
        )
    return found


def _part(folder: Path, part: int) -> TreebankSpec:
    return TreebankSpec(
        name=f"UD_Part-{part}", language="deu", files=(str(folder / f"part-{part}.conllu"),), split="test"
    )


def _peak(way: str, model: Path, folder: Path, size: int) -> float:
    command = [sys.executable, "-m", "benchmarks.extraction", way, str(model), str(folder), str(size)]
    repository = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def _measure_memory(way: str, model_folder: Path, folder: Path, size: int) -> None:
    dtype: Dtype = "fp32"
    model = load(str(model_folder), device="cpu", dtype=dtype)
    if way == "streaming":
        parts = (read_treebank(_part(folder, part)) for part in range(size))
        stream_prototypes(model, parts, _upos, layers=range(model.layers + 1), pooling="first")
    else:
        files = tuple(str(folder / f"part-{part}.conllu") for part in range(size))
        spec = TreebankSpec(name="UD_Parts", language="deu", files=files, split="test")
        specs = _specs(model, model_folder, spec)
        with tempfile.TemporaryDirectory(prefix="xviz-bench-") as place:
            extract(model, lambda: read_treebank(spec), specs, store=Store(Path(place)))
    print(_peak_megabytes())


def _upos(words: pd.DataFrame) -> list[str]:
    return words["upos"].tolist()


def _peak_megabytes() -> float:
    """Peak resident memory of this process. (On Linux a child inherits its parent's ``ru_maxrss``.)"""
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    _measure_memory(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
