"""Treebanks of the catalogue, fetched from the repositories of Universal Dependencies at a release.

Files come from ``raw.githubusercontent.com`` through pooch and land in ``corpora/ud-<release>/<treebank>/``
of xviz's home, all or none: a download that breaks off leaves nothing. The SHA-256 of every file is written
down at its first download (``checksums.json`` beside them) and must be the same ever after.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pooch
import requests
from filelock import FileLock

from xviz.corpora.catalogue import KnownTreebank, known_treebank
from xviz.corpora.folder import TreebankFiles, find_treebanks
from xviz.errors import Cancelled, InputError, NotHere, XvizError
from xviz.journal import SILENT, Journal
from xviz.store import fingerprint_of_file, home, write_atomically

FILES = "https://raw.githubusercontent.com/UniversalDependencies"
LISTING = "https://api.github.com/repos/UniversalDependencies"
SPLITS = ("train", "dev", "test")
CHECKSUMS = "checksums.json"

_PAPERS = ("LICENSE.txt", "README.md")  # what may be done with the treebank, and who made it
_TIMEOUT = (10, 60)  # seconds to connect, seconds between two pieces


def corpora_folder() -> Path:
    """Where downloaded treebanks lie; a folder that can be given as data."""
    return home() / "corpora"


def download(
    name: str,
    *,
    release: str = "2.18",
    splits: Sequence[str] | None = None,
    journal: Journal = SILENT,
    files_url: str = FILES,
    listing_url: str = LISTING,
) -> TreebankFiles:
    """Bring a treebank of the catalogue to this machine, with its licence and README.

    What lies there already is checked against its checksum and not fetched again.

    Args:
        name: its name, ``UD_`` optional.
        release: of Universal Dependencies, ``2.18``.
        splits: of train, dev and test; None is whichever exist.
        files_url, listing_url: servers in the layout of GitHub's raw files and of its listing of a repository
            (asked only where there is no train file: some are cut into several).

    Raises:
        InputError: a name or a part that does not exist in the release.
        NotHere: the server cannot be reached; the message names the files and the folder to put them in.
        XvizError: a file is not the one first downloaded, or the server sent something else.
    """
    known = known_treebank(name)
    if release in ("2.10", "2.18") and release not in known.releases:
        raise InputError(
            f"{known.treebank} is not in release {release} of Universal Dependencies "
            f"(it is in {' and '.join(known.releases)}); name the release."
        )
    wrong = [split for split in splits or () if split not in SPLITS]
    if wrong:
        raise InputError(f"A split to download is train, dev or test, not {wrong[0]!r}.")
    folder = corpora_folder() / f"ud-{release}" / known.treebank
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{known.treebank}.lock"):
        _Download(known, release, folder, files_url, listing_url, journal).run(splits)
    return find_treebanks(folder)[0]


class _Download:
    """One treebank on its way into ``folder``."""

    def __init__(
        self,
        known: KnownTreebank,
        release: str,
        folder: Path,
        files_url: str,
        listing_url: str,
        journal: Journal,
    ):
        self.known = known
        self.release = release
        self.folder = folder
        self.url = f"{files_url}/{known.treebank}/r{release}"
        self.listing_url = f"{listing_url}/{known.treebank}/contents?ref=r{release}"
        self.journal = journal
        self.registry = Checksums(corpora_folder() / CHECKSUMS)

    def run(self, splits: Sequence[str] | None) -> None:
        self.journal.stage(f"Downloading {self.known.treebank} (UD {self.release})")
        wanted = [f"{self.known.prefix}-{split}.conllu" for split in splits or SPLITS]
        for abandoned in self.folder.glob(".partial-*"):  # ours to remove: we hold the lock
            shutil.rmtree(abandoned, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.folder))
        try:
            with _quiet_pooch():
                missing = self.fetch_all(wanted, partial)
                if splits is not None and missing:
                    raise InputError(
                        f"{self.known.treebank} has no file {missing[0]} in release {self.release}; "
                        "leave the split out to fetch those that exist."
                    )
                if len(missing) == len(wanted):
                    raise InputError(
                        f"{self.known.treebank} has no files in release {self.release} "
                        f"({self.url}); name another release."
                    )
            arrived = sorted(partial.iterdir())
            for file in arrived:
                file.replace(self.folder / file.name)
            self.registry.record(
                {self.key(file.name): fingerprint_of_file(self.folder / file.name) for file in arrived}
            )
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def fetch_all(self, wanted: Sequence[str], partial: Path) -> list[str]:
        """Fetch what is wanted and not there yet; returns the names that do not exist."""
        missing = []
        for number, file in enumerate([*wanted, *_PAPERS]):
            self.journal.progress(number, len(wanted) + len(_PAPERS), unit="files")
            if self.journal.stop_requested():
                raise Cancelled(f"The download of {self.known.treebank} was stopped; nothing of it was kept.")
            if self.has(file) or self.fetch(file, partial):
                continue
            if file in _PAPERS:
                self.journal.log(f"{self.known.treebank} has no {file} in release {self.release}.")
            elif file.endswith("-train.conllu"):
                parts = self.train_parts()
                for part in parts:
                    if not self.has(part):
                        self.fetch(part, partial)
                missing += [] if parts else [file]
            else:
                missing.append(file)
        return missing

    def has(self, file: str) -> bool:
        """Whether a file is there already, and still the one first downloaded."""
        path = self.folder / file
        if not path.is_file():
            return False
        if path.suffix == ".conllu":
            found, recorded = fingerprint_of_file(path), self.registry.get(self.key(file))
            if recorded is None:  # put there by hand
                self.registry.record({self.key(file): found})
            elif recorded != found:
                raise XvizError(
                    "This file is not the one first downloaded (its SHA-256 differs); remove it and download "
                    f"again, or remove its line in {self.registry.file} to keep it as it is.",
                    file=path,
                )
        return True

    def fetch(self, file: str, partial: Path) -> bool:
        """Fetch one file; False where the server says that it does not exist."""
        recorded = self.registry.get(self.key(file)) if file.endswith(".conllu") else None
        url = f"{self.url}/{file}"
        try:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{recorded}" if recorded else None,
                fname=file,
                path=partial,
                downloader=pooch.HTTPDownloader(timeout=_TIMEOUT, chunk_size=1 << 16),
            )
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code == 404:
                return False
            status = error.response.status_code if error.response is not None else "an error"
            raise XvizError(f"The server answered {status} for {url}; try again later.") from None
        except requests.RequestException:
            raise self.not_here() from None
        except ValueError:
            raise XvizError(
                f"{url} is not what was first downloaded from there (its SHA-256 differs), "
                f"so it was not kept. Remove its line in {self.registry.file} to accept the new file."
            ) from None
        if file.endswith(".conllu") and not _looks_like_conllu(partial / file):
            raise XvizError(
                f"{url} did not answer with CoNLL-U; is there a sign-in page between this machine "
                "and the network?"
            )
        return True

    def train_parts(self) -> list[str]:
        """The files of a train set that is cut into several (German-HDT, Russian-SynTagRus, Czech-PDTC)."""
        try:
            answer = requests.get(self.listing_url, timeout=_TIMEOUT)
            answer.raise_for_status()
            names = [entry["name"] for entry in answer.json()]
        except (requests.RequestException, ValueError, KeyError, TypeError):
            self.journal.log(
                f"{self.known.treebank} has no single train file in release {self.release}; "
                f"whether there are several could not be asked ({self.listing_url})."
            )
            return []
        start = f"{self.known.prefix}-train-"
        return sorted(name for name in names if name.startswith(start) and name.endswith(".conllu"))

    def not_here(self) -> NotHere:
        files = ", ".join(f"{self.known.prefix}-{split}.conllu" for split in SPLITS)
        return NotHere(
            f"{self.known.treebank} is not on this machine and {self.url} cannot be reached. "
            f"Fetch the files that exist of {files} elsewhere and put them into {self.folder}."
        )

    def key(self, file: str) -> str:
        return f"ud-{self.release}/{self.known.treebank}/{file}"


class Checksums:
    """A JSON file of SHA-256 sums by name, safe between processes; the first record of a name stands."""

    def __init__(self, file: Path):
        self.file = file

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def record(self, sums: dict[str, str]) -> None:
        new = {name: digest for name, digest in sums.items() if name.endswith(".conllu")}
        with FileLock(self.file.with_name(f".{self.file.name}.lock")):
            known = self._read()
            if new.keys() - known.keys():
                write_atomically(self.file, json.dumps({**new, **known}, indent=1, sort_keys=True) + "\n")

    def _read(self) -> dict[str, str]:
        try:
            return json.loads(self.file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise XvizError(
                "This list of checksums is damaged; remove it, and the sums are taken anew.", file=self.file
            ) from None


def _looks_like_conllu(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(200).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1] == b"#" or start[:1].isdigit()


@contextlib.contextmanager
def _quiet_pooch() -> Iterator[None]:
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
