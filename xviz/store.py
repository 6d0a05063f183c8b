"""Content-addressed results: every result is ``specification -> key -> folder``.

A specification (:class:`Spec`) states everything that determines a result. Its *identity* (the fields, with
paths replaced by fingerprints of what lies there) and the version number of its step are hashed to a key.
Under that key the store keeps a folder of files and ``entry.json``, which names the specification and the
SHA-256 of every file.

An entry is written to a temporary folder beside its place and renamed into it, under a lock of its key: a
killed process leaves nothing that looks finished, and of two processes that want the same key one computes
while the other waits and then reads. ``store/`` can always be computed again; the least recently used
entries go first when the size limit is reached.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict

from xviz.errors import XvizError
from xviz.journal import SILENT, Journal

Place = tuple[str, str]
"""Kind and key: where a result lies in the store."""

DEFAULT_LIMIT_GB = 50.0
ENTRY_FILE = "entry.json"


def home() -> Path:
    """Where xviz keeps everything: ``XVIZ_HOME``, else ``cache/`` of the checkout."""
    set_by_user = os.environ.get("XVIZ_HOME")
    return Path(set_by_user).expanduser() if set_by_user else Path(__file__).resolve().parents[1] / "cache"


class Spec(BaseModel):
    """Everything that determines one result. Torch-free: a page builds hundreds of these.

    ``kind`` names the step, ``version`` is raised by hand whenever the step computes something else from
    the same fields. Subclasses override :meth:`identity` where a field holds a place (a path, a name of a
    model) rather than a content, and :meth:`needs` where the step reads other results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    version: ClassVar[int]

    def identity(self) -> dict[str, Any]:
        """The fields that determine the result, places replaced by fingerprints."""
        return self.model_dump(mode="json")

    def needs(self) -> Sequence[Spec]:
        """The results that this one is computed from."""
        return ()

    @functools.cached_property
    def key(self) -> str:
        """Hash of kind, version and identity: the place of the result in the store."""
        return key_of(self.kind, self.version, self.identity())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed, and with a key of its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("key", None)  # pydantic copies what the cached property remembers
        return copy


def key_of(kind: str, version: int, identity: dict[str, Any]) -> str:
    """32 hexadecimal digits; equal exactly where kind, version and identity are equal."""
    canonical = json.dumps(
        [kind, version, identity], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Entry:
    """A finished result in the store."""

    folder: Path
    kind: str
    key: str
    spec: dict[str, Any]
    created: str
    size: int
    note: dict[str, Any]
    """Provenance that does not determine the result: seconds, device, forward passes, xviz version."""

    def file(self, name: str) -> Path:
        return self.folder / name

    def damage(self) -> str | None:
        """None where every file has the size and SHA-256 that were written down, else what differs."""
        recorded = json.loads((self.folder / ENTRY_FILE).read_text("utf-8"))["files"]
        for name, facts in recorded.items():
            path = self.folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != facts["size"] or sha256_of(path) != facts["sha256"]:
                return f"{name} is not what was written"
        return None


class Store:
    """The results under ``root`` (default: ``store/`` in :func:`home`), at most ``limit`` bytes of them."""

    def __init__(self, root: Path | None = None, *, limit: int | None = None):
        self.root = root if root is not None else home() / "store"
        if limit is None:
            limit = int(float(os.environ.get("XVIZ_STORE_GB", DEFAULT_LIMIT_GB)) * 1e9)
        self.limit = limit

    def place(self, kind: str, key: str) -> Path:
        return self.root / kind / key

    def find(self, spec: Spec) -> Entry | None:
        """The result of ``spec``, or None where it has not been computed (or lies there damaged)."""
        return self.get(spec.kind, spec.key)

    def get(self, kind: str, key: str) -> Entry | None:
        entry = self._read(self.place(kind, key))
        if entry is not None:
            _touch(entry.folder / ENTRY_FILE)
        return entry

    def obtain(
        self,
        spec: Spec,
        write: Callable[[Path], dict[str, Any] | None],
        *,
        journal: Journal = SILENT,
    ) -> Entry:
        """The result of ``spec``; where there is none, ``write(folder)`` makes it.

        Args:
            spec: what is wanted.
            write: puts the files of the result into the folder that it is given, and returns notes on how it
                was made (or None). It may raise: then nothing is kept.
            journal: told when another process is computing the same result.

        Raises:
            XvizError: the disk is full.
        """
        return self.obtain_as(spec.kind, spec.key, spec.model_dump(mode="json"), write, journal=journal)

    def obtain_as(
        self,
        kind: str,
        key: str,
        spec: dict[str, Any],
        write: Callable[[Path], dict[str, Any] | None],
        *,
        journal: Journal = SILENT,
    ) -> Entry:
        """:meth:`obtain` for a step that keeps several entries of one specification (one a layer)."""
        place = (kind, key)
        return self.fill({place: spec}, lambda folders: write(folders[place]), journal=journal)[place]

    def fill(
        self,
        wanted: Mapping[Place, dict[str, Any]],
        write: Callable[[dict[Place, Path]], dict[str, Any] | None],
        *,
        journal: Journal = SILENT,
    ) -> dict[Place, Entry]:
        """Results that one piece of work makes together (all layers of one forward pass).

        Args:
            wanted: the specification of each result.
            write: puts files into the folders that it is given, one for each result that is not there yet,
                and returns notes on how they were made (or None); not called where nothing is missing. It
                may raise: then none of them is kept.
            journal: told when another process is computing one of the results.

        Locks are taken in sorted order, so two processes whose wishes overlap wait for one another and
        never for each other.

        Raises:
            XvizError: the disk is full.
        """
        entries = {place: found for place in wanted if (found := self.get(*place)) is not None}
        if len(entries) == len(wanted):
            return entries
        with ExitStack() as held:
            for place in sorted(set(wanted) - set(entries)):
                held.enter_context(self.lock(*place, journal=journal))
            # another process may have finished some of them while we waited
            entries = {place: found for place in wanted if (found := self.get(*place)) is not None}
            missing = {place: spec for place, spec in wanted.items() if place not in entries}
            if missing:
                with self._disk_full_in_a_sentence():
                    entries |= self._write(missing, write)
        return {place: entries[place] for place in wanted}

    def lock(self, kind: str, key: str, *, journal: Journal = SILENT) -> FileLock:
        """A lock held (and released) by the caller: one process at a time computes a key."""
        place = self.place(kind, key)
        with self._disk_full_in_a_sentence():
            place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place.parent / f".{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            journal.log(f"Another process is computing the same result ({kind} {key[:8]}); waiting for it.")
            lock.acquire()
        return _Held(lock)  # type: ignore[return-value]

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Every finished result, newest use first."""
        folders = self.root.glob(f"{kind or '*'}/*/")
        found = [e for e in map(self._read, folders) if e is not None]
        return sorted(found, key=_last_use, reverse=True)

    def clear(self, *, kind: str | None = None, keys: Sequence[str] | None = None) -> tuple[int, int]:
        """Remove results (all, of one kind, or by key); returns how many and how many bytes."""
        gone = [e for e in self.entries(kind) if keys is None or e.key in keys]
        for entry in gone:
            self._remove(entry.folder)
        if keys is None:
            for stray in self.root.glob(f"{kind or '*'}/.*"):
                if ".partial-" in stray.name:
                    shutil.rmtree(stray, ignore_errors=True)
        return len(gone), sum(e.size for e in gone)

    def shrink(self, *, keep: Collection[str] = ()) -> None:
        """Remove least recently used results, but no key in ``keep``, until the store is within its limit."""
        entries = self.entries()
        size = sum(e.size for e in entries)
        for entry in reversed(entries):
            if size <= self.limit:
                return
            if entry.key not in keep:
                self._remove(entry.folder)
                size -= entry.size

    def _write(self, missing: Mapping[Place, dict[str, Any]], write) -> dict[Place, Entry]:
        partial = {place: self._partial(*place) for place in missing}
        try:
            for folder in partial.values():
                folder.mkdir()
            started = time.monotonic()
            note = dict(write(dict(partial)) or {})
            note.setdefault("seconds", round(time.monotonic() - started, 3))
            with ThreadPoolExecutor(max_workers=4) as pool:  # hashing leaves the interpreter free
                files = dict(zip(partial, pool.map(_facts_of_files, partial.values()), strict=True))
            for place, spec in missing.items():
                self._finish(place, spec, partial[place], note, files[place])
        except BaseException:
            for folder in partial.values():
                shutil.rmtree(folder, ignore_errors=True)
            raise
        entries = {place: self._read(self.place(*place)) for place in missing}
        gone = [place for place, entry in entries.items() if entry is None]
        if gone:
            raise XvizError(
                f"A result was written and is gone again: is another program clearing {self.root}?"
            )
        self.shrink(keep={key for _, key in missing})
        return {place: entry for place, entry in entries.items() if entry is not None}

    def _partial(self, kind: str, key: str) -> Path:
        parent = self.place(kind, key).parent
        for abandoned in parent.glob(f".{key}.partial-*"):  # ours to remove: we hold the lock
            shutil.rmtree(abandoned, ignore_errors=True)
        return parent / f".{key}.partial-{uuid.uuid4().hex[:8]}"

    def _finish(self, place: Place, spec: dict[str, Any], partial: Path, note: dict, files: dict) -> None:
        record = {
            "kind": place[0],
            "key": place[1],
            "spec": spec,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "note": note,
            "files": files,
        }
        write_atomically(partial / ENTRY_FILE, json.dumps(record, ensure_ascii=False, indent=1))
        final = self.place(*place)
        if final.exists():  # damaged, or `get` would have returned it
            self._remove(final)
        os.replace(partial, final)

    @staticmethod
    def _read(folder: Path) -> Entry | None:
        try:
            record = json.loads((folder / ENTRY_FILE).read_text("utf-8"))
            files = record["files"]
            if any((folder / name).stat().st_size != facts["size"] for name, facts in files.items()):
                return None
            size = sum(facts["size"] for facts in files.values())
            fields = {name: record[name] for name in ("kind", "key", "spec", "created", "note")}
            return Entry(folder=folder, size=size, **fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _remove(folder: Path) -> None:
        grave = folder.parent / f".{folder.name}.partial-{uuid.uuid4().hex[:8]}"
        try:
            os.replace(folder, grave)  # at once invisible, then removed at leisure
        except FileNotFoundError:
            return
        shutil.rmtree(grave, ignore_errors=True)

    def _disk_full_in_a_sentence(self) -> _DiskFull:
        return _DiskFull(self.root)


class _Held:
    """A lock that is held already; leaving the block releases it."""

    def __init__(self, lock: FileLock):
        self._lock = lock

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _DiskFull:
    """Turns "no space left" into a sentence that says what to do."""

    def __init__(self, root: Path):
        self._root = root

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise XvizError(
                "The disk is full, so the result was not kept; free some space, run `xviz cache clear`, "
                "or set XVIZ_HOME to a folder on a larger disk.",
                file=self._root,
            ) from error


def _facts_of_files(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fingerprint_of_file(path: Path) -> str:
    """SHA-256 of a file, remembered by its path, size and time of change (a model's weights are large)."""
    stat = path.stat()
    return _remembered_sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _remembered_sha256(path: str, size: int, mtime_ns: int) -> str:
    memory = home() / "store" / "fingerprints" / f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"
    try:
        seen = json.loads(memory.read_text("utf-8"))
        if (seen["path"], seen["size"], seen["mtime_ns"]) == (path, size, mtime_ns):
            return seen["sha256"]
    except (OSError, ValueError, KeyError):
        pass
    digest = sha256_of(Path(path))
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        seen = {"path": path, "size": size, "mtime_ns": mtime_ns, "sha256": digest}
        write_atomically(memory, json.dumps(seen))
    except OSError:
        pass  # remembering only saves time
    return digest


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` so that a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        pass  # a store that may not be written to can still be read


def _last_use(entry: Entry) -> float:
    try:
        return (entry.folder / ENTRY_FILE).stat().st_mtime
    except OSError:
        return 0.0
