"""Fields of equally long lines, as PDB files have them: many texts at once become numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.atoms import Doubles, Words, packed, standard
from protgraph.structure.protein import Bools

BLANK = ord(" ")

_BLANKS = packed("  ")

# By two columns: 0 is a common element, 1 hydrogen, -1 nothing, and -2 a question to gemmi.
_ELEMENTS = np.full(1 << 16, -2, dtype=np.int8)
_ELEMENTS[[packed(f" {symbol}") for symbol in "CNOS"]] = 0
_ELEMENTS[[packed(f" {symbol}") for symbol in "HD"]] = 1
_ELEMENTS[_BLANKS] = -1

# The forms of a number with three decimals in eight columns, every digit a 0.
_UNSIGNED, _SIGNED = ("   0", "  00", " 000", "0000"), ("  -0", " -00", "-000")
_FORMS = np.array([[packed(f"{head}.000")] for head in (*_UNSIGNED, *_SIGNED)], dtype=np.uint64)


class NotPlain(Exception):
    """A text is not written as plainly as was promised."""


def demand(plain: bool | np.bool_) -> None:
    """Raise `NotPlain` unless a text is plain."""
    if not plain:
        raise NotPlain


class Lines(NamedTuple):
    """The n lines that begin at `start` in a text, `width` bytes each."""

    text: bytes | npt.NDArray[np.uint8]
    start: int
    width: int
    size: int

    def column(self, kind: str, at: int) -> npt.NDArray[Any]:
        """Integers, [n], made of the bytes from column `at` (counted from 0) on; a view.

        Examples
        --------
        >>> Lines(b"..AB..CD", 0, 4, 2).column("u1", 2).tolist()
        [65, 67]
        """
        return np.ndarray((self.size,), kind, self.text, self.start + at, (self.width,))

    def take(self, at: npt.NDArray[np.int64]) -> Lines:
        """The lines at the places `at`."""
        taken = self.column(f"V{self.width}", 0)[at]
        return Lines(taken.view(np.uint8), 0, self.width, len(taken))


def capital(letters: npt.NDArray[np.uint8]) -> Bools:
    """Which characters are capital letters.

    Examples
    --------
    >>> capital(np.frombuffer(b"@AZ[", np.uint8)).tolist()
    [False, True, True, False]
    """
    found: Bools = letters - ord("A") < 26  # what is below A wraps around
    return found


def names(words: Words) -> Words:
    """Names in three columns each, packed without the blanks around them.

    Parameters
    ----------
    words : ndarray of uint64, shape [n]
        Printable ASCII with no blank inside.

    Raises
    ------
    NotPlain
        Where a name is empty or has other characters.

    Examples
    --------
    >>> found = names(np.array([packed("GLY"), packed(" DA")], dtype=np.uint64))
    >>> found.tolist() == [packed("GLY"), packed("DA")]
    True
    """
    if standard(words) is not None:
        return words
    found = words
    for word in set(words.tolist()):
        text = word.to_bytes(3, "little").decode("latin-1").strip(" ")
        demand(bool(text) and text.isascii() and text.isprintable() and " " not in text)
        if packed(text) != word:
            found = np.where(words == word, np.uint64(packed(text)), found)
    return found


def decimals(words: Words) -> Doubles:
    """Numbers in eight columns each, written as `%8.3f`; the double is the one next to the text.

    Parameters
    ----------
    words : ndarray of uint64, shape [n]
        Texts of a sign or none, at least one digit, a point and three digits.

    Raises
    ------
    NotPlain
        Where a number is written otherwise.

    Examples
    --------
    >>> decimals(np.frombuffer(b"   1.250 -12.345", np.uint64)).tolist()
    [1.25, -12.345]
    """
    digits = words & 0x1010101010101010  # the bit that digits have, and blank, sign and point lack
    digits -= digits >> 4
    digits &= words
    forms = (words ^ digits) == _FORMS
    demand(np.count_nonzero(forms) == words.size)
    demand(np.bitwise_or.reduce(digits + 0x0606060606060606) & 0x1010101010101010 == 0)
    # Neighbours are joined, first digits to numbers of two, then these to numbers of four.
    digits *= 10 << 8 | 1
    digits >>= 8
    digits &= 0x00FF00FF00FF00FF
    digits *= 100 << 16 | 1
    digits >>= 16
    digits &= 0x0000FFFF0000FFFF
    digits *= 1000 << 32 | 1
    digits >>= 32
    negative = forms[len(_UNSIGNED) :].any(axis=0)
    numbers: Doubles = digits / np.where(negative, -1000.0, 1000.0)
    return numbers


def hydrogens(lines: Lines) -> Bools:
    """Which atoms are hydrogen or deuterium, [n].

    By columns 77-78, which hold elements in capital letters; where all are blank or missing, by
    column 14 of names that leave column 13 blank.

    Raises
    ------
    NotPlain
        Where the columns hold anything else.

    Examples
    --------
    >>> hydrogens(Lines(b"ATOM      1  HA  ", 0, 17, 1)).tolist()
    [True]
    """
    symbols = lines.column("<u2", 76) if lines.width > 78 else np.full(lines.size, _BLANKS)
    found: npt.NDArray[np.int8] = _ELEMENTS.take(symbols)
    if found[0] == -1 and (found == -1).all():
        letters = lines.column("u1", 13)
        demand((lines.column("u1", 12) == BLANK).all() and capital(letters).all())
        found = ((letters == ord("H")) | (letters == ord("D"))).view(np.int8)
    elif found.any():
        demand(all(map(_heavy, set(symbols[found < 0].tolist()))))
    hydrogen: Bools = found > 0
    return hydrogen


@lru_cache
def _heavy(symbol: int) -> bool:
    """Whether gemmi reads two columns as an element, and not as hydrogen."""
    import gemmi

    text = symbol.to_bytes(2, "little").decode("latin-1")
    known: bool = text.isascii() and text.strip(" ").isalpha()
    return known and gemmi.Element(text).atomic_number > 1


def charged(charges: npt.NDArray[Any]) -> bool:
    """Whether two columns each hold what gemmi takes for a charge, such as 2+, or nothing.

    Examples
    --------
    >>> charged(np.frombuffer(b"  1-+2", np.uint16)), charged(np.frombuffer(b"12", np.uint16))
    (True, False)
    """
    return all(map(_charge, set(charges.tolist())))


@lru_cache
def _charge(columns: int) -> bool:
    first, last = chr(columns & 255), chr(columns >> 8)
    digit, sign = (last, first) if last in "0123456789" else (first, last)
    return digit not in "0123456789" or sign in "+- "
