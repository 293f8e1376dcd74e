"""Proteins without labels for a student to learn from, rid of relatives of what it is judged on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from protgraph.data import neighbours
from protgraph.data.dataset import Dataset
from protgraph.data.seeds import THOROUGH
from protgraph.data.source import chain, here, table
from protgraph.data.structured import chains
from protgraph.structure.fasta import FORMATS, sequences
from protgraph.structure.protein import Protein
from protgraph.structure.read import STRUCTURES as COORDINATES
from protgraph.structure.read import read
from protgraph.structure.source import suffix

STRUCTURES = "structures"
"""The source that is no path: all chains of the benchmark data."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Proteins without labels.

    Parameters
    ----------
    proteins : tuple of Protein
        In the order of the hash of their names.
    dropped : int
        Relatives of the validation and test sides that were left out.
    known : int
        Left out because the data has a label for a protein of that name.
    method : str
        How relatives were found: "families", or the search that ran.
    """

    proteins: tuple[Protein, ...] = field(repr=False)
    dropped: int
    known: int
    method: str

    def text(self) -> str:
        """Say in one line what was kept and what was not.

        Examples
        --------
        >>> Pool((), 3, 2, "families").text()
        '0 proteins without labels; left out: 3 relatives of valid and test (families), 2 labelled'
        """
        return (
            f"{len(self.proteins)} proteins without labels; left out: {self.dropped} relatives of "
            f"valid and test ({self.method}), {self.known} labelled"
        )


def pool(
    data: Dataset,
    *,
    source: str | Path = STRUCTURES,
    size: int | None = None,
    gaps: bool = True,
    method: str = "auto",
    strict: bool = False,
) -> Pool:
    """Gather proteins of which the data knows no label, none a relative of those judged.

    Relatives of every protein on the validation and test sides are left out, also where the
    protein itself has no label.

    Parameters
    ----------
    data : Dataset
    source : str or Path
        "structures": the chains of the benchmark data, labelled for other tasks or for none; their
        relatives are told by the families that come with them, and those of proteins that are not
        among them by sequence. Else a sequence file, a structure file, or a folder or archive of
        either; relatives are told by sequence (`neighbours.related`: 30 % identity over half of
        one), and of chains that bear a name of the benchmark data by family besides.
    size : int, optional
        So many, the first by the hash of their names: the pool of 500 is in that of 1,000.
    gaps : bool
        Whether numbering gaps of structures are read as X.
    method : {"auto", "builtin", "mmseqs", "exact"}
        As `neighbours.method`.
    strict : bool
        Whether relatives among the chains of the benchmark data are told by sequence besides, as
        they are in any other source.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data, or there is no such file or folder.
    ValueError
        Where nothing is left, or less than `size`; where two proteins share a name; and where a
        file cannot be read.

    Notes
    -----
    The families are clusters around representatives, so two of them may hold relatives: of 3,698
    chains left for the zinc sites, 48 have a relative by sequence among the 66 labelled chains of
    valid and test. Training itself has such ones too, for these families split the data.
    """
    if size is not None and size < 1:
        raise ValueError(f"pool: size is 1 at least, got {size}.")
    if source == STRUCTURES:
        return _of_structures(data, size, gaps=gaps, method=method, strict=strict)
    return _of_path(data, Path(source), size, gaps=gaps, method=method)


def ordered(names: Iterable[str]) -> list[str]:
    """Sort names by their hash: an order that adding and taking away names does not change.

    Examples
    --------
    >>> [name for name in ordered("abcdef") if name in "bcd"] == ordered("dcb")
    True
    """
    return sorted(names, key=lambda name: (hashlib.sha256(name.encode()).digest(), name))


def relatives(judged: Sequence[str], found: Sequence[str], *, method: str = "auto") -> set[int]:
    """Places of the sequences found that are relatives of one that is judged.

    Parameters
    ----------
    judged, found : sequence of str
    method : {"auto", "builtin", "mmseqs", "exact"}
        As `neighbours.method`; what "mmseqs" proposes is joined to what "builtin" does.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> relatives([chain], ["ACDEF" * 8, chain[:30]], method="builtin")
    {1}
    """
    if not judged or not found:
        return set()
    places: set[int] = set()
    for way in searches(method):
        proposed = neighbours.search(judged, found, method=way, least=THOROUGH)
        for sequence, candidates in zip(judged, proposed, strict=True):
            new = [place for place in candidates.tolist() if place not in places]
            places.update(place for place in new if neighbours.related(sequence, found[place]))
    return places


def searches(method: str) -> tuple[str, ...]:
    """Ways in which `relatives` looks for candidates: either of two heuristics misses some.

    Examples
    --------
    >>> searches("builtin")
    ('builtin',)
    """
    chosen = neighbours.method(method)
    return ("mmseqs", "builtin") if chosen == "mmseqs" else (chosen,)


def _of_structures(
    data: Dataset, size: int | None, *, gaps: bool, method: str, strict: bool
) -> Pool:
    """Chains of the benchmark data; only those that are taken are read, if families tell all."""
    family = _families()
    judged, labelled = _judged(data), _labelled(data)
    held = {family[protein.name] for protein in judged if protein.name in family}
    searched = [one.sequence for one in judged if strict or one.name not in family]
    free = ordered(name for name in family if name not in labelled)
    names = [name for name in free if family[name] not in held]
    known = len(family) - len(free)
    if not searched:
        _enough(len(names), size, data)
        taken = tuple(_read(name, gaps) for name in names[:size])
        return Pool(taken, len(free) - len(names), known, "families")
    proteins = [_read(name, gaps) for name in names]
    near = relatives(searched, [protein.sequence for protein in proteins], method=method)
    far = [protein for place, protein in enumerate(proteins) if place not in near]
    _enough(len(far), size, data)
    how = ", ".join(("families", *searches(method)))
    return Pool(tuple(far[:size]), len(free) - len(far), known, how)


def _of_path(data: Dataset, path: Path, size: int | None, *, gaps: bool, method: str) -> Pool:
    """Proteins of a user's file, folder or archive."""
    letters = lettered(path)
    rest = () if letters else chains([path], gaps=gaps)
    given = (*(protein for file in letters for protein in sequences(file)), *rest)
    count = Counter(protein.name for protein in given)
    twice, most = count.most_common(1)[0]
    if most > 1:
        raise ValueError(f"{path}: names of proteins differ, but {most} are named {twice}.")
    labelled = _labelled(data)
    own = {protein.name: protein for protein in given if protein.name not in labelled}
    free = [own[name] for name in ordered(own)]
    judged = _judged(data)
    both = ([protein.sequence for protein in part] for part in (judged, free))
    near = relatives(*both, method=method)
    family = _families() if here() else {}
    held = {family[one.name] for one in judged if one.name in family}
    near |= {place for place, one in enumerate(free) if family.get(one.name) in held}
    far = [protein for place, protein in enumerate(free) if place not in near]
    _enough(len(far), size, data)
    how = ", ".join(searches(method))
    if any(one.name in family for one in free):
        how = f"families, {how}"
    return Pool(tuple(far[:size]), len(near), len(given) - len(free), how)


def lettered(path: str | Path) -> list[Path]:
    """Sequence files that a source is or has; none where it is one of structures.

    Raises
    ------
    ValueError
        Where a folder has FASTA files and structures.
    """
    place = Path(path)
    if str(path) in ("", STRUCTURES):
        return []
    if not place.is_dir():
        return [place] if suffix(place) in FORMATS else []
    files = sorted(place.rglob("*"))
    letters = [file for file in files if FORMATS.get(suffix(file)) == "fasta"]
    shaped = next((file for file in files if suffix(file) in COORDINATES), None)
    if letters and shaped:
        raise ValueError(
            f"{path}: a pool is of sequences or of structures, but holds {letters[0].name} and "
            f"{shaped.name}."
        )
    return letters


def _families() -> dict[str, str]:
    return {row["chain"]: row["family"] for row in table("structures/families.tsv.gz")}


def _judged(data: Dataset) -> list[Protein]:
    return [e.protein for e in (*data.whole("valid"), *data.whole("test"))]


def _labelled(data: Dataset) -> set[str]:
    return {e.protein.name for split in ("train", "valid", "test") for e in data.side(split)}


def _enough(count: int, size: int | None, data: Dataset) -> None:
    if count < (size or 1):
        raise ValueError(
            f"{data.name}: a pool of {size or 'one at least'} proteins was asked for, "
            f"but {count} are left."
        )


def _read(name: str, gaps: bool) -> Protein:
    (protein,) = read(chain(name), gaps=gaps)
    return protein
