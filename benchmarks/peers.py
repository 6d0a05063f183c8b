"""Word vectors of all layers with other packages, timed in a process of their own.

``python -m benchmarks.peers PACKAGE MODEL_FOLDER SENTENCES.json SECONDS`` prints ``{"words", "seconds"}``.
Each package is used as its documentation shows, a sentence at a time, for about the given time.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# What each package needs beyond the packages of xviz; all are installed without their own requirements.
PACKAGES = {
    "NeuroX": ("neurox==1.0.9", "h5py", "svgwrite", "dill", "seaborn", "matplotlib", "imbalanced-learn"),
    "minicons": ("minicons==0.3.39", "wonderwords"),
}
INSTALL_SECONDS = 120


def install(package: str, folder: Path) -> str | None:
    """Install a peer into a folder; None where that worked, else why not."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    try:
        done = subprocess.run(
            [*command, *PACKAGES[package]],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not installed within {INSTALL_SECONDS} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return (lines or ["pip failed"])[-1].removeprefix("ERROR: ")
    return None


def neurox(folder: str) -> Callable[[str, list[str]], None]:
    from neurox.data.extraction import transformers_extractor as extractor

    network, tokenizer = extractor.get_model_and_tokenizer(folder)
    network.eval()

    def read(_text: str, forms: list[str]) -> None:
        extractor.extract_sentence_representations(" ".join(forms), network, tokenizer, aggregation="first")

    return read


def minicons(folder: str) -> Callable[[str, list[str]], None]:
    import torch
    from minicons import cwe

    network = cwe.CWE(folder, device="cuda" if torch.cuda.is_available() else "cpu")

    def read(text: str, forms: list[str]) -> None:
        place, pairs = 0, []
        for form in forms:
            start = text.index(form, place)
            place = start + len(form)
            pairs.append((text, (start, place)))
        network.extract_representation(pairs, layer="all")

    return read


def main() -> None:
    package, folder, sentences, limit = sys.argv[1:5]
    with contextlib.redirect_stdout(io.StringIO()):
        read = {"NeuroX": neurox, "minicons": minicons}[package](folder)
        rows = json.loads(Path(sentences).read_text("utf-8"))
        read(*rows[0])
        started, words = time.perf_counter(), 0
        for text, forms in rows:
            read(text, forms)
            words += len(forms)
            if time.perf_counter() - started > float(limit):
                break
        seconds = time.perf_counter() - started
    print(json.dumps({"words": words, "seconds": seconds}))


if __name__ == "__main__":
    main()
