"""How vectors are kept, fp32, fp16 or int8, and what that costs, measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.language.encoder import Floats

STORAGE = ("fp32", "fp16", "int8")
"""What vectors are kept in; a file names its own by the place in this list."""

Bytes = npt.NDArray[np.uint8]


class Error(NamedTuple):
    """What keeping vectors has cost.

    Parameters
    ----------
    largest : float
        The largest absolute difference of one value.
    cosine : float
        The mean cosine of a vector and what is kept of it.
    vectors : int
        Over how many it was measured: residues, or proteins where they are pooled.

    Examples
    --------
    >>> print(Error(0.5, 1.0, 1).joined(Error(0.25, 0.5, 3)))
    largest error 0.5, mean cosine 0.6250000 over 4 vectors
    """

    largest: float
    cosine: float
    vectors: int

    def joined(self, other: Error) -> Error:
        """Sum up what was measured on two sets of vectors."""
        vectors = self.vectors + other.vectors
        cosine = (self.cosine * self.vectors + other.cosine * other.vectors) / max(vectors, 1)
        return Error(max(self.largest, other.largest), cosine, vectors)

    def __str__(self) -> str:
        return (
            f"largest error {self.largest:.3g}, mean cosine {self.cosine:.7f} "
            f"over {self.vectors:,} vectors"
        )


NONE = Error(0.0, 1.0, 0)
"""Of no vectors."""


def size(length: int, width: int, storage: str) -> int:
    """Bytes of a protein of `length` residues; 0 stands for one pooled vector.

    Examples
    --------
    >>> [size(10, 4, storage) for storage in STORAGE]
    [160, 80, 56]
    """
    values = max(length, 1) * width
    return values + _scales(length, width) if storage == "int8" else values * _VALUE[storage]


def within(name: str, array: Floats, storage: str) -> None:
    """Pass vectors that are finite and that `storage` can hold.

    Raises
    ------
    ValueError
        Naming what the vectors are of.

    Examples
    --------
    >>> within("P1", np.array([1.0, 7e4], np.float32), "fp16")
    Traceback (most recent call last):
    ValueError: P1: vectors kept as fp16 are finite and at most 65504, got 70000.
    """
    most = np.finfo(np.float16 if storage == "fp16" else np.float32).max
    largest = np.abs(array).max()
    if not largest <= most:  # which NaN is not either
        raise ValueError(
            f"{name}: vectors kept as {storage} are finite and at most {most:g}, got {largest:g}."
        )


def kept(name: str, array: Floats, storage: str) -> tuple[bytes, Error]:
    """Turn the vectors of a protein into bytes.

    Parameters
    ----------
    name : str
        For messages.
    array : ndarray of float32, shape [L, D] or [D]
    storage : {"fp32", "fp16", "int8"}
        int8 has one scale a column of [L, D], and one for the whole of [D].

    Raises
    ------
    ValueError
        As `within`.

    Examples
    --------
    >>> kept("demo", np.ones(3, np.float32), "fp16")[0].hex()
    '003c003c003c'
    """
    within(name, array, storage)
    length = len(array) if array.ndim == 2 else 0
    if storage == "fp32":
        return np.asarray(array, dtype="<f4").tobytes(), Error(0.0, 1.0, max(length, 1))
    if storage == "fp16":
        values = array.astype("<f2").tobytes()
    else:
        scale = np.abs(array).max(axis=0 if array.ndim == 2 else None) / np.float32(127)
        codes = np.rint(array / np.where(scale > 0, scale, 1)).astype(np.int8)
        values = scale.astype("<f4").tobytes() + codes.tobytes()
    raw = np.frombuffer(values, dtype=np.uint8)
    return values, _error(array, floats(raw, length, array.shape[-1], storage))


def floats(raw: Bytes, length: int, width: int, storage: str) -> Floats:
    """Turn bytes back into vectors, [L, D], or [D] for `length` 0; of fp32 a view.

    Examples
    --------
    >>> floats(np.array([0, 0, 128, 63], np.uint8), 0, 1, "fp32")
    array([1.], dtype=float32)
    """
    shape = (length, width) if length else (width,)
    if storage == "fp32":
        return raw.view("<f4").reshape(shape)
    if storage == "fp16":
        return raw.view("<f2").reshape(shape).astype(np.float32)
    scales = _scales(length, width)
    codes = raw[scales:].view(np.int8).reshape(shape)
    found: Floats = codes * raw[:scales].view("<f4")
    return found


_VALUE = {"fp32": 4, "fp16": 2}


def _scales(length: int, width: int) -> int:
    return 4 * width if length else 4


def _error(given: Floats, found: Floats) -> Error:
    one, two = np.atleast_2d(given).astype(np.float64), np.atleast_2d(found).astype(np.float64)
    dots, norm, other = (
        np.einsum("nd,nd->n", a, b) for a, b in ((one, two), (one, one), (two, two))
    )
    norms = np.sqrt(norm * other)
    same = (norm == other).astype(np.float64)  # zeros have no direction
    cosines = np.divide(dots, norms, where=norms > 0, out=same)
    return Error(float(np.abs(given - found).max()), float(cosines.mean()), len(one))
