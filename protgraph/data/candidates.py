"""Pairs that a model is asked about: two proteins each, handed over or named in a file."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.rows import decoded
from protgraph.data.table import PAIR
from protgraph.structure import read as structures
from protgraph.structure.protein import Protein

Partner = Protein | str | Path
"""A protein, or the path of a file that holds one."""


def distinct(
    pairs: Iterable[tuple[Partner, Partner]], *, gaps: bool = True
) -> tuple[list[Protein], npt.NDArray[np.int64]]:
    """Find the proteins of pairs, each once.

    Parameters
    ----------
    pairs : iterable of two Proteins or paths each
        A protein may pair with itself. The same Protein object, or path, is the same protein.
    gaps : bool
        As `protgraph.read`, for the files.

    Returns
    -------
    proteins : list of Protein
        By name and chain, so that their order does not tell which partner came first.
    partners : ndarray of int64, shape [P, 2]
        Places among the proteins, in the order of the pairs.

    Raises
    ------
    ValueError
        For what is no pair, a file that cannot be read, and one with several proteins.
    FileNotFoundError
        For a file that is not there.

    Examples
    --------
    >>> b, a = Protein("b", "MK"), Protein("a", "MV")
    >>> proteins, partners = distinct([(b, a), (b, b)])
    >>> [protein.name for protein in proteins], partners.tolist()
    (['a', 'b'], [[1, 0], [1, 1]])
    """
    files: dict[str, Protein] = {}
    both: list[tuple[Protein, Protein]] = []
    for pair in pairs:
        one, two = _two(pair)
        both.append((_opened(one, files, gaps=gaps), _opened(two, files, gaps=gaps)))
    own = {id(protein): protein for pair in both for protein in pair}
    proteins = sorted(own.values(), key=lambda protein: protein.identifier)
    place = {id(protein): i for i, protein in enumerate(proteins)}
    partners = np.array([[place[id(one)], place[id(two)]] for one, two in both], dtype=np.int64)
    return proteins, partners.reshape(-1, 2)


def _two(pair: object) -> tuple[Partner, Partner]:
    """What came as a pair, if it is one."""
    if isinstance(pair, (tuple, list)) and [isinstance(one, Partner) for one in pair] == [True] * 2:
        return pair[0], pair[1]
    said = pair.name if isinstance(pair, Protein) else repr(pair)
    raise ValueError(
        f"Pairs are a list of two proteins (or paths) each, [(a, b), ...], got {said} in it."
    )


def _opened(partner: Partner, files: dict[str, Protein], *, gaps: bool) -> Protein:
    """The protein itself, or the only one in its file, which is read once."""
    if isinstance(partner, Protein):
        return partner
    path = str(partner)
    if path not in files:
        found = structures.read(path, gaps=gaps)
        if len(found) != 1:
            names = ", ".join(protein.identifier for protein in found)
            raise ValueError(f"{path}: a partner is one protein, got {len(found)}: {names}.")
        (files[path],) = found
    return files[path]


def read(path: str | Path, proteins: Sequence[Protein]) -> list[tuple[Protein, Protein]]:
    """Read which pairs of some proteins are asked about.

    Parameters
    ----------
    path : str or Path
        Two names a line with a tab between them, as D-SCRIPT reads; also with `.gz`. Further cells,
        such as a label, and lines without text mean nothing. A first line `protein_a`, `protein_b`
        is a header.
    proteins : sequence of Protein
        Each is known by its identifier ("1abc_A"), and by its name alone ("1abc") where no other
        one has it.

    Returns
    -------
    pairs : list of (Protein, Protein)
        One a line, in the order of the file, also where a pair comes again.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Naming file and line: for a line without two names, and a name that is that of no protein
        or of several. Where the file is no UTF-8 or holds no pair.

    Examples
    --------
    >>> import tempfile
    >>> a, b = Protein("a", "MK"), Protein("1abc", "MV", chain="B")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "pairs.tsv"
    ...     _ = path.write_text("a\\t1abc_B\\t1\\n1abc\\t1abc\\t0\\n")
    ...     [(one.name, two.name) for one, two in read(path, [a, b])]
    [('a', '1abc'), ('1abc', '1abc')]
    """
    path = Path(path)
    known: dict[str, list[Protein]] = defaultdict(list)
    for protein in proteins:
        for name in {protein.name, protein.identifier}:
            known[name].append(protein)
    pairs = []
    for number, line in enumerate(decoded(path).splitlines(), 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells) or (number == 1 and tuple(cells[:2]) == PAIR):
            continue
        if len(cells) < 2 or not all(cells[:2]):
            raise ValueError(
                f"{path.name}:{number}: a line has two names with a tab between them, got {line!r}."
            )
        one, two = (_named(f"{path.name}:{number}", name, known) for name in cells[:2])
        pairs.append((one, two))
    if not pairs:
        raise ValueError(f"{path.name}: one pair at least is asked about, got none.")
    return pairs


def _named(where: str, name: str, known: Mapping[str, Sequence[Protein]]) -> Protein:
    """The one protein of a name."""
    found = known.get(name, ())
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(sorted(protein.identifier for protein in found))
        raise ValueError(f"{where}: a name is that of one protein, but {name!r} is of {several}.")
    near = difflib.get_close_matches(name, known, 1) or list(known)[:1]
    such = f", such as {near[0]!r}" if near else ""
    raise ValueError(f"{where}: a name is that of a protein in the files{such}, got {name!r}.")
