"""Plain PDB text, its atoms read straight from their columns; gemmi reads the header alone.

Most PDB files keep to the format, and for them this takes less time than gemmi's structures and
comes out the same, to the last bit. Text is plain where all of this holds:

- From the first atom on there are only ATOM, HETATM, TER, CONECT, MASTER and PARENT records,
  ENDMDL after the last atom, and END as the last line. There is no NUL, and CR only as CRLF.
- Before it, gemmi finds no fault, no END and no second model, and no HETNAM has a long name.
- All lines of atoms are equally long: to column 66 (at most 72), 78, or 80 (at most 119); other
  lines part them into 200 pieces at most. No character in them is a control character.
- Coordinates are as `%8.3f` writes them; so are, as `%6.2f`, the B-factors of CA atoms and, where
  there are alternative locations, all occupancies. The labels of these are ASCII.
- Names of residues are printable, without blanks inside. Column 21 is blank, column 22 is
  printable ASCII, the residue number is right-justified, and column 27 is blank or a capital.
- Elements and charges are as `fields.hydrogens` and `fields.charged` ask.
- The atoms of a residue follow one another, alike in record and segment id; no residue comes
  twice in a chain; TER stands between residues.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.atoms import (
    ROLES,
    SIDE,
    Atoms,
    Doubles,
    Ints,
    Span,
    Words,
    packed,
    roles,
)
from protgraph.structure.columns import Header, header
from protgraph.structure.fields import (
    BLANK,
    Lines,
    NotPlain,
    capital,
    charged,
    decimals,
    demand,
    hydrogens,
    names,
)
from protgraph.structure.parts import by_chain, kinds, parts, unique
from protgraph.structure.protein import CA, Floats

_ATOM, _HETATM = packed("\nATOM  "), packed("\nHETATM")
_NEWLINE = ord("\n")
_AT_ONCE, _STRETCHES = 4096, 200
_WIDTHS = frozenset((*range(66, 73), 78, *range(80, 120)))
_LAST = frozenset((b"CONECT", b"MASTER", b"PARENT", b"END"))
_RECORDS = _LAST | {b"ATOM", b"HETATM", b"TER", b"ENDMDL"}

_AT_14 = 0x2021  # the least that columns 13-14 may be, read as one number, if 13 alone is blank
_NAMES = np.array([[packed(f" {name:<3}")] for name in ROLES], dtype=np.uint32)

# A residue number and a number of six columns, with two decimals, as `%8.3f` would write them.
_WHOLE = np.uint64(packed(".000") << 32)
_WITHIN, _AROUND = 0x00FFFFFFFFFFFF00, packed(" ") | packed("0") << 56


class Plain(NamedTuple):
    """Atoms of a plain text, its chains, and what precedes them.

    Occupancies are NaN in a text without alternative locations, and so are the B-factors of all
    atoms but CA: nothing needs them.
    """

    atoms: Atoms
    spans: list[Span]
    header: Header


def plain(data: bytes) -> Plain:
    """Atoms and chains of plain PDB text.

    Raises
    ------
    NotPlain
        Where it is not plain, by the rules at the head of `protgraph.structure.plain`.

    Examples
    --------
    >>> line = b"ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> found = plain(line)
    >>> found.spans[0].chain, found.atoms.position.tolist()
    ('A', [[1.0, 2.0, 3.0]])
    """
    text, start = data, _start(data)
    if text[start : text.find(b"\n", start)].endswith(b"\r"):
        text = data.replace(b"\r\n", b"\n")
        start = _start(text)
    if not text.endswith(b"\n") or text.endswith(b"\n\n"):
        text = text.rstrip(b"\n") + b"\n"
    said = _header(text[:start])
    lines, ters, hetero = _lines(text, start)
    bounds = _bounds(lines, hetero=hetero)
    first = bounds[:-1]
    heads = lines.take(first)
    role, residue = _roles(lines), _residues(heads)
    alternative = lines.column("u1", 16) - BLANK  # of labels only the order matters
    several = bool(alternative.any())
    demand(not several or alternative.max() < 0x80 - BLANK)
    ca = (role == CA).nonzero()[0]
    number, position, bfactor, occupancy = _numbers(lines, heads, ca, several=several)
    chains = parts(heads.column("u1", 21))
    demand(all(BLANK <= part.chain < 127 for part in chains) and unique(chains, residue, number))
    atoms = Atoms(
        name=lines.column("<u4", 12),
        role=role,
        alternative=alternative.view(np.int8),
        hydrogen=hydrogens(lines),
        position=position,
        occupancy=occupancy,
        bfactor=bfactor,
        of=np.arange(len(first)).repeat(bounds[1:] - first),
        first=first,
        residue=residue,
        number=number,
        label=np.zeros(len(first), dtype=np.int64),
        hetero=heads.column("u1", 0) == ord("H"),
        kind=kinds(chains, _before(bounds, ters), residue),
    )
    return Plain(*by_chain(atoms, chains, said.model), said)


def _start(text: bytes) -> int:
    """Where the first line of an atom begins."""
    if text.startswith((b"ATOM  ", b"HETATM")):
        return 0
    atom = text.find(b"\nATOM  ")
    hetero = text.find(b"\nHETATM", 0, atom if atom >= 0 else len(text))
    found = hetero if hetero >= 0 else atom
    demand(found >= 0)
    return found + 1


@lru_cache(maxsize=8)
def _header(head: bytes) -> Header:
    """What gemmi makes of the lines before the first atom; files of one maker share them."""
    import gemmi

    said = b"\n" + head.upper()
    demand(not any(found in said for found in (b"\nATOM", b"\nHETA", b"\nEND", b"\0", b"\r")))
    for line in said.split(b"\nHETN")[1:]:
        demand(not line.partition(b"\n")[0][66:75].strip())
    try:
        structure = gemmi.read_pdb_string(head)
    except RuntimeError:
        raise NotPlain from None
    demand(len(structure) == 1)
    return header(structure)


def _lines(text: bytes, start: int) -> tuple[Lines, list[int], bool]:
    """Lines of atoms from `start` on, how many stand before each TER, and if any may be HETATM."""
    width = text.index(b"\n", start) + 1 - start
    demand(width - 1 in _WIDTHS)
    stretches: list[Lines] = []
    ters: list[int] = []
    at, count, allowed, hetero = start, 0, _RECORDS, False
    while at < len(text):
        stop = text.index(b"\n", at) + 1
        record = text[at : min(at + 6, stop)].rstrip()
        demand(record in allowed)
        if record in (b"ATOM", b"HETATM"):
            lines, mixed = _stretch(text, at, width)
            hetero = hetero or mixed or record == b"HETATM"
            stretches.append(lines)
            demand(len(stretches) <= _STRETCHES)
            at, count = at + lines.size * width, count + lines.size
            continue
        demand(b"\0" not in text[at:stop] and b"\r" not in text[at:stop])
        at = stop
        if record == b"TER":
            ters.append(count)
        elif record in (b"ENDMDL", b"END"):
            allowed = _LAST if record == b"ENDMDL" else frozenset()
    if len(stretches) == 1:
        return stretches[0], ters, hetero
    joined = b"".join([text[s.start : s.start + s.size * width] for s in stretches])
    return Lines(joined, 0, width, count), ters, hetero


def _stretch(text: bytes, at: int, width: int) -> tuple[Lines, bool]:
    """Lines of atoms that follow one another from `at` on, some at a time; if any may be HETATM."""
    count = min(_AT_ONCE, (len(text) - at) // width)
    demand(count > 0)
    record = Lines(text, at + width - 1, width, count - 1).column("<u8", 0) & 0x00FFFFFFFFFFFFFF
    fits = record == _ATOM
    mixed = not fits.all()
    if mixed:
        fits |= record == _HETATM
        count = count if fits.all() else int(fits.argmin()) + 1
    body = np.frombuffer(text, np.uint8, count * width, at)
    demand(body[-1] == _NEWLINE and np.count_nonzero(body < BLANK) == count)
    return Lines(text, at, width, count), mixed


def _bounds(lines: Lines, *, hetero: bool) -> Ints:
    """First atoms of the residues, and the number of all atoms, [r + 1]."""
    new = np.empty(lines.size + 1, dtype=bool)
    new[0] = new[-1] = True
    named, numbered = lines.column("<u8", 17).copy(), lines.column("<u8", 19).copy()
    np.not_equal(named[1:], named[:-1], out=new[1:-1])
    new[1:-1] |= numbered[1:] != numbered[:-1]
    for column in [*_segments(lines), *([lines.column("u1", 0)] if hetero else [])]:
        new[1:-1] |= column[1:] != column[:-1]
    return new.nonzero()[0]


def _segments(lines: Lines) -> list[npt.NDArray[np.uint32]]:
    """Segment ids, unless they are all alike; on the way, the charges beyond them are checked."""
    if lines.width <= 80:
        return [lines.column("<u4", 72)] if lines.width > 78 else []
    both = lines.column("<u8", 72) & 0xFFFF0000FFFFFFFF
    if (both == both[0]).all():
        demand(charged(both[:1] >> 48))
        return []
    demand(charged(lines.column("<u2", 78)))
    return [lines.column("<u4", 72)]


def _roles(lines: Lines) -> npt.NDArray[np.int8]:
    """Roles of the atoms by columns 13-16, [n]."""
    words = lines.column("<u4", 12).copy()
    found = roles(words, _NAMES)
    odd = lines.column(">u2", 12) - _AT_14 > 0xDE
    if odd.any():
        for word in set(words[odd].tolist()):
            name = word.to_bytes(4, "little").decode("latin-1").strip(" ")
            np.copyto(found, ROLES.get(name, SIDE), where=words == word)
    return found


def _residues(heads: Lines) -> Words:
    """Names of the residues, [r], by their first lines."""
    demand((heads.column("u1", 20) == BLANK).all())
    words: Words = heads.column("<u4", 17).astype(np.uint64)
    return names(words & np.uint64(0xFFFFFF))


def _numbers(
    lines: Lines, heads: Lines, ca: Ints, *, several: bool
) -> tuple[Ints, Doubles, Floats, Floats]:
    """Author ids of residues [r]; positions [n, 3], B-factors and occupancies [n] of atoms."""
    code = heads.column("u1", 26)
    demand((code == BLANK).all() or ((code == BLANK) | capital(code)).all())
    words = [lines.column("<u8", at) for at in (30, 38, 46)]
    words += [heads.column("<u4", 22) | _WHOLE, lines.column("<u8", 59)[ca] & _WITHIN | _AROUND]
    if several:
        words.append(lines.column("<u8", 53) & _WITHIN | _AROUND)
    values = decimals(np.concatenate(words))
    n, r = lines.size, heads.size
    xyz, number, rest = values[: 3 * n], values[3 * n : 3 * n + r], values[3 * n + r :]
    bfactor = np.empty(n, dtype=np.float32)
    bfactor.fill(np.nan)
    occupancy = rest[len(ca) :].astype(np.float32) if several else bfactor.copy()
    bfactor[ca] = rest[: len(ca)]
    return number.astype(np.int64) * 256 + code, xyz.reshape(3, n).T, bfactor, occupancy


def _before(bounds: Ints, ters: list[int]) -> list[int]:
    """How many residues stand before each TER, by the number of atoms."""
    if not ters:
        return []
    at = np.searchsorted(bounds, ters)
    demand((bounds[at] == ters).all())
    found: list[int] = at.tolist()
    return found
