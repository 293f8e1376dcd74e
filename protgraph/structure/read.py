"""Reading proteins from structure and sequence files: every decision about odd input is here.

===========================  ======================================================================
In the file                  In the protein
===========================  ======================================================================
alternative locations        One conformer a residue: its common atoms and those of the label with
                             the highest summed occupancy among the labels that give a CA; of equal
                             ones the first label.
microheterogeneity           The residue whose CA has the highest summed occupancy; of equal ones
                             the first label. Noted.
insertion codes              Kept in `numbering` ("27A"); residues stay in the order of the file.
several models               The first; with `models="all"` every one, named "1abc/2" by its number.
several chains               All protein chains, in the order of the file; `chain=` takes one, by
                             the author's id. A blank id is "".
modified residues            The parent's letter where gemmi's table has one (MSE is M), else X.
                             Names of protonation states (HIE, CYX) are the amino acid. Noted.
ligands, waters, ions,       Left out: what comes after TER, and in mmCIF what is no polymer.
nucleic acids, sugars
HETATM amino acids           Residues before a TER or in an mmCIF polymer; where the file tells
                             neither, if bonded to the residue before or after (C-N up to 2 Å, or
                             CA-CA up to 4.5 Å in a trace); else left out and noted.
caps (ACE, NH2)              Left out: they have no CA.
unknown residues             X, if they have N, CA and C. Noted.
residue without CA           Stays in the sequence, unobserved. Noted.
residues never observed      SEQRES, _pdbx_poly_seq_scheme and _entity_poly_seq give the full
                             sequence; numbering is "" where the file has none.
gap in the numbering         Without a full sequence: X for each missing number, at most 30, where
                             the CA atoms are more than 4.5 Å apart; `gaps=False` leaves it out.
hydrogen, deuterium          Never count.
atoms named twice            The first one counts.
old-format PDB               Columns 67-80 are left out where gemmi refuses them. Noted.
B-factors                    Confidence (pLDDT, that of the CA) where the file says that it is a
                             prediction: pLDDT in _ma_qa_metric; or no experiment, and a predictor
                             named in a header; or a PARENT record, which only models have. Values
                             from 0 to 1 are multiplied by 100.
===========================  ======================================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from protgraph.structure.align import breaks, missing, place
from protgraph.structure.atoms import Ints, author_ids, unpacked
from protgraph.structure.chains import Residues, residues
from protgraph.structure.declared import declared
from protgraph.structure.fasta import FORMATS, letters, sequences
from protgraph.structure.load import BCIF, CIF, PDB, load
from protgraph.structure.protein import CA, Protein
from protgraph.structure.source import Source, stem, suffix

STRUCTURES = (*PDB, *CIF, *BCIF)

IDENTITY = 0.9
"""Least share of observed residues that a full sequence must agree with."""


def read(
    path: str | Path,
    *,
    chain: str | None = None,
    sequence: str | Path | None = None,
    models: Literal["first", "all"] = "first",
    gaps: bool = True,
    predicted: bool | None = None,
) -> tuple[Protein, ...]:
    """Read the proteins of a structure or sequence file.

    What becomes of alternative locations, modified residues, gaps and the like stands in the
    table at the head of `protgraph.structure.read`; what was decided for a protein, in its notes.

    Parameters
    ----------
    path : str or Path
        PDB (`.pdb .ent`), mmCIF (`.cif .mmcif`), BinaryCIF (`.bcif`), or a sequence file as
        `protgraph.structure.fasta.sequences` reads; each also with `.gz`.
    chain : str, optional
        Author id of the one chain to read.
    sequence : str or Path, optional
        Full sequence of the one chain that is read, in place of what the file declares: letters,
        or a sequence file (of several records the one that fits best). The chain is aligned to
        it with gaps only where the chain breaks. Its letters are kept; where the structure has
        another one, a note says so. Observed residues that it lacks are put in and noted.
    models : {"first", "all"}
        Which models to read.
    gaps : bool
        Fill gaps in the numbering with X where no full sequence is known.
    predicted : bool, optional
        Whether B-factors are pLDDT; by default as the file says.

    Returns
    -------
    proteins : tuple of Protein
        In the order of the file; the name is the file's, without suffix.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that cannot be read or holds no protein, a chain that is not there, a full
        sequence that agrees with less than 90 % of the observed residues, and options that do
        not fit the file; the message begins with the file's name.
    ImportError
        For BinaryCIF without biotite.

    Examples
    --------
    >>> import tempfile
    >>> text = '''ATOM      1  CA  MET A   1       0.000   0.000   0.000  1.00 50.00           C
    ... ATOM      2  CA  LYS A   4       9.000   0.000   0.000  1.00 50.00           C'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "demo.pdb"
    ...     _ = path.write_text(text)
    ...     [protein] = read(path)
    >>> protein.name, protein.sequence, protein.numbering, protein.observed.tolist()
    ('demo', 'MXXK', ('1', '2', '3', '4'), [True, False, False, True])
    """
    path = path if isinstance(path, Path) else Path(path)  # a copy takes longer than one look
    if models not in ("first", "all"):
        raise ValueError(f"{path.name}: models is 'first' or 'all', got {models!r}.")
    kind = suffix(path)
    if kind in FORMATS:
        if chain is not None or sequence is not None or models != "first" or predicted:
            raise ValueError(f"{path.name}: a sequence file has no chains, models or pLDDT.")
        return sequences(path)
    if kind not in STRUCTURES:
        known = " ".join((*STRUCTURES, *FORMATS))
        if path.is_dir():
            raise ValueError(f"{path} is a folder: name its files, such as {path}/*.")
        if path.name.isalpha() and path.name.isupper() and not path.exists():
            rule = "a sequence is given as protgraph.Protein(name, letters) or in a FASTA file"
            raise ValueError(f"{path.name[:30]}: {rule}, not as a path.")
        raise ValueError(f"{path.name}: read knows {known} (each also .gz), got {kind!r}.")
    source = load(path, every=models == "all")
    found = _chosen(source, chain)
    if sequence is not None:
        fulls = _given(source.name, found, sequence)
        wholes = [_fitted(source.name, one, fulls) for one in found]
    else:
        wholes = [_declared(source, one, fill=gaps) for one in found]
    names = [f"{stem(path)}/{one.model}" if source.several else stem(path) for one in found]
    plddt = source.predicted if predicted is None else predicted
    parts = zip(names, found, wholes, strict=True)
    return tuple(_protein(name, source, one, whole, plddt) for name, one, whole in parts)


class _Whole(NamedTuple):
    """Full sequence [L], author ids [L], positions of the observed residues [n], and notes."""

    sequence: str
    ids: list[str]
    at: Ints
    notes: list[str]


def _chosen(source: Source, chain: str | None) -> list[Residues]:
    found = residues(source)
    if not found:
        held = ", ".join(sorted(map(unpacked, set(source.atoms.residue.tolist())))[:10])
        raise ValueError(f"{source.name}: no protein chain; the file holds residues named {held}.")
    if not any(np.isfinite(one.bfactor).any() for one in found):
        ids = ", ".join(sorted({repr(one.chain) for one in found}))
        raise ValueError(f"{source.name}: no residue of the chains {ids} has a CA atom.")
    chosen = [one for one in found if chain in (None, one.chain)]
    if not chosen:
        ids = ", ".join(dict.fromkeys(repr(one.chain) for one in found))
        raise ValueError(f"{source.name}: no protein chain {chain!r}; the file has {ids}.")
    return chosen


def _given(file: str, found: list[Residues], sequence: str | Path) -> list[tuple[str, list[str]]]:
    """Full sequences that a user gives, each with the notes on its letters."""
    ids = list(dict.fromkeys((one.chain, one.molecule) for one in found))
    if len(ids) > 1:
        some = ", ".join(repr(chain) for chain, _ in ids)
        raise ValueError(f"{file}: sequence= is for one chain; pick one of {some} with chain=.")
    if isinstance(sequence, Path) or suffix(Path(sequence)) in FORMATS:
        return [(p.sequence, [f"{p.name}: {n}" for n in p.notes]) for p in sequences(sequence)]
    text, notes = letters(f"{file}: sequence=", sequence)
    return [(text, list(notes))]


def _fitted(file: str, one: Residues, fulls: list[tuple[str, list[str]]]) -> _Whole:
    broken = breaks(one.backbone, one.numbers)
    placed = [place(one.letters, full, broken, one.numbers) for full, _ in fulls]
    best = max(range(len(fulls)), key=lambda i: placed[i].identity)
    found, notes = placed[best], list(fulls[best][1])
    if found.identity < IDENTITY:
        raise ValueError(
            f"{file}: the full sequence given agrees with {found.identity:.0%} of the observed "
            f"residues of chain {one.chain!r}, and {IDENTITY:.0%} are needed."
        )
    ids = author_ids(one.numbers)
    for i, position in enumerate(found.at.tolist()):
        seen, full = one.letters[i], found.sequence[position]
        if seen != full:
            notes.append(f"{ids[i]} is {seen} in the structure, {full} in the full sequence")
    added = [i for i, new in zip(ids, found.added.tolist(), strict=True) if new]
    if added:
        notes.append(f"the full sequence lacks {', '.join(added)}, which were put in")
    return _Whole(found.sequence, _spread(ids, found.at, len(found.sequence)), found.at, notes)


def _declared(source: Source, one: Residues, *, fill: bool) -> _Whole:
    """Full sequence as the file declares it, else by the author numbers."""
    full = declared(source, one)
    if full is None:
        return _counted(one, fill=fill)
    if full.at is not None:
        return _Whole(full.sequence, full.ids, full.at, [])
    found = place(one.letters, full.sequence, breaks(one.backbone, one.numbers), one.numbers)
    if found.identity < IDENTITY:
        counted = _counted(one, fill=fill)
        counted.notes.append(
            f"the sequence in the file agrees with {found.identity:.0%} of the observed residues "
            "and was left aside"
        )
        return counted
    text = list(found.sequence)
    for letter, position in zip(one.letters, found.at.tolist(), strict=True):
        text[position] = letter
    ids = _spread(author_ids(one.numbers), found.at, len(text))
    return _Whole("".join(text), ids, found.at, [])


def _spread(ids: list[str], at: Ints, length: int) -> list[str]:
    spread = [""] * length
    for i, position in zip(ids, at.tolist(), strict=True):
        spread[position] = i
    return spread


def _counted(one: Residues, *, fill: bool) -> _Whole:
    """Full sequence from the author numbers alone: gaps become X, where they are filled."""
    text, ids, notes = one.letters, author_ids(one.numbers), []
    at = np.arange(len(ids))
    absent = missing(one.backbone, one.numbers) if fill else np.zeros(0, dtype=np.int64)
    for i in reversed(np.flatnonzero(absent).tolist()):
        first, count = int(one.numbers[i] >> 8) + 1, int(absent[i])
        text = text[: i + 1] + "X" * count + text[i + 1 :]
        ids[i + 1 : i + 1] = [str(first + k) for k in range(count)]
        at[i + 1 :] += count
        notes.append(f"{count} X for the gap between {ids[i]} and {ids[i + 1 + count]}")
    return _Whole(text, ids, at, notes[::-1])


def _protein(name: str, source: Source, one: Residues, whole: _Whole, plddt: bool) -> Protein:
    length, notes = len(whole.sequence), [*source.notes, *one.notes, *whole.notes]
    unseen = np.isnan(one.backbone[:, CA, 0]).nonzero()[0]
    if unseen.size:
        notes.append(f"no CA at {', '.join(author_ids(one.numbers[unseen]))}: unobserved")
        one.backbone[unseen] = one.side[unseen] = np.nan
    backbone, side = one.backbone, one.side
    if length > len(one.letters):
        backbone, side = np.full((length, 4, 3), np.nan), np.full((length, 3), np.nan)
        backbone[whole.at], side[whole.at] = one.backbone, one.side
    confidence = None
    if plddt:
        confidence = np.full(length, np.nan, dtype=np.float32)
        confidence[whole.at] = one.bfactor * (1 if (one.bfactor > 1).any() else 100)
    return Protein(
        name,
        whole.sequence,
        backbone.astype(np.float32),
        side.astype(np.float32),
        chain=one.chain,
        numbering=tuple(whole.ids),
        confidence=confidence,
        notes=tuple(notes),
    )
