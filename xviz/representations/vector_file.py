"""A NumPy file that is written row by row, in any order, while it is computed.

Not a writable memory map: a full disk would kill the process there, and every written page would count as
its memory. Rows are written at their place; reading is by memory map.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float, Int

VECTORS = "vectors.npy"


class VectorFile:
    """``[rows, dim]`` in fp16 or fp32; a context manager."""

    def __init__(self, path: Path, rows: int, dim: int, dtype: type[np.floating]):
        self.dtype = np.dtype(dtype)
        self.path = path
        self._stride = dim * self.dtype.itemsize
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (rows, dim),
        }
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            self._origin = file.tell()
            file.truncate(self._origin + rows * self._stride)
        self._file = os.open(path, os.O_WRONLY)

    def write(
        self,
        values: Float[np.ndarray, "vectors dim"],
        starts: Int[np.ndarray, " blocks"],
        counts: Int[np.ndarray, " blocks"],
    ) -> None:
        """Write consecutive vectors to blocks of rows: the first ``counts[0]`` from row ``starts[0]`` on."""
        data = np.ascontiguousarray(values, dtype=self.dtype).reshape(-1).view(np.uint8).data
        joined = np.flatnonzero(starts[1:] != starts[:-1] + counts[:-1]) + 1  # neighbours in one call
        begins = np.concatenate(([0], joined))
        before = np.concatenate(([0], np.cumsum(counts)))
        ends = np.concatenate((joined, [len(starts)]))
        for begin, end in zip(begins, ends, strict=True):
            piece = data[before[begin] * self._stride : before[end] * self._stride]
            place = self._origin + int(starts[begin]) * self._stride
            while piece:
                written = os.pwrite(self._file, piece, place)
                piece, place = piece[written:], place + written

    def discard(self) -> None:
        self.close()
        self.path.unlink()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> VectorFile:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def read_vectors(folder: Path) -> np.memmap:
    """The vectors of a stored result: a read-only memory map ``[rows, dim]``, fp16 or fp32."""
    return np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
