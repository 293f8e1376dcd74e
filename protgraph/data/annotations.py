"""Published annotations of protein function: DeepFRI's tables, and GAF of the GO consortium."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from protgraph.data.rows import decoded

ASPECTS = {
    "MF": "molecular_function", "BP": "biological_process", "CC": "cellular_component",
}  # fmt: skip
"""Aspect of GO -> its namespace."""

EXPERIMENTAL = (
    "EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "TAS", "IC", "HTP", "HDA", "HMP", "HGI", "HEP",
)  # fmt: skip
"""Evidence codes of experiments, of authors (TAS) and of curators (IC)."""

EVIDENCE = (
    *EXPERIMENTAL, "ISS", "ISO", "ISA", "ISM", "IGC", "IBA", "IBD", "IKR", "IRD", "RCA", "NAS",
    "ND", "IEA",
)  # fmt: skip
"""All evidence codes of GO."""

_WIDTHS = (15, 17)  # columns of GAF: the last two are optional
_GO = re.compile(r"GO:\d{7}")


@dataclass(frozen=True)
class Left:
    """What was left out: how often for each reason, and the first of them.

    Examples
    --------
    >>> left = Left()
    >>> left.add("the qualifier is NOT", "P12345")
    >>> left.add("the qualifier is NOT", "P69905")
    >>> left.lines()
    ['2 left out: the qualifier is NOT, such as P12345']
    """

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, reason: str, example: str) -> None:
        """Count one more."""
        count, first = self.found.get(reason, (0, example))
        self.found[reason] = count + 1, first

    def lines(self) -> list[str]:
        """Say every reason in a line, the most frequent first."""
        most = sorted(self.found.items(), key=lambda item: -item[1][0])
        return [f"{n} left out: {reason}, such as {first}" for reason, (n, first) in most]


class Annotations(NamedTuple):
    """Terms of proteins as a file gives them.

    Parameters
    ----------
    source : str
        Name of the file.
    pairs : list of (str, str)
        Protein and term, one for each annotation.
    left : Left
        Annotations, or proteins without any, that were left out.
    """

    source: str
    pairs: list[tuple[str, str]]
    left: Left


class Labels(NamedTuple):
    """Labels of proteins by name; `listed` where a protein may have several of them."""

    source: str
    of: Mapping[str, Collection[str]]
    left: Left
    listed: bool = True


def deepfri(path: str | Path, aspect: str) -> Annotations:
    """Read an annotation file of DeepFRI.

    Parameters
    ----------
    path : str or Path
        Tab separated, also `.gz`: under "### GO-terms (molecular_function)" or "### EC-numbers" a
        line with the terms, and below "### PDB-chain" a row for each chain, its terms with commas.
    aspect : {"MF", "BP", "CC", "EC"}
        Which column.

    Returns
    -------
    annotations : Annotations
        Chains without a term of the aspect are left out.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is not such a file, lacks the aspect, a row has another number of cells or a term
        that the head does not name, or a chain comes twice.

    Notes
    -----
    The format: Gligorijević et al., Nat Commun 12:3168 (2021), `nrPDB-GO_*_annot.tsv` and
    `nrPDB-EC_*_annot.tsv`.

    Examples
    --------
    >>> import tempfile
    >>> text = "### EC-numbers\\n3.4.-.-\\n### PDB-chain\\tEC-numbers\\n1ABC-A\\t3.4.-.-\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ec.tsv"
    ...     _ = path.write_text(text)
    ...     deepfri(path, "EC").pairs
    [('1ABC-A', '3.4.-.-')]
    """
    path = Path(path)
    lines = [line.rstrip("\r") for line in decoded(path).split("\n")]
    head, first, known = _head(path, lines, aspect)
    wanted = head.index(_column(aspect))
    pairs, left, seen = [], Left(), set()
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        where = f"{path.name}, line {number}"
        if len(cells) != len(head):
            raise ValueError(f"{where}: a row has {len(head)} cells, got {len(cells)}.")
        name, terms = cells[0], [term for term in cells[wanted].split(",") if term]
        if not name or name in seen:
            raise ValueError(f"{where}: every row has a chain of its own, got {name!r} again.")
        seen.add(name)
        for term in terms:
            if term not in known:
                raise ValueError(f"{where}: the head names every term, and {term!r} is not there.")
        pairs += [(name, term) for term in dict.fromkeys(terms)]
        if not terms:
            left.add(f"a chain without a term of {aspect}", name)
    return _some(Annotations(path.name, pairs, left))


def _column(aspect: str) -> str:
    if aspect != "EC" and aspect not in ASPECTS:
        raise ValueError(f"aspect is one of {', '.join(ASPECTS)} or EC, got {aspect!r}.")
    return "EC-numbers" if aspect == "EC" else f"GO-terms ({ASPECTS[aspect]})"


def _head(path: Path, lines: list[str], aspect: str) -> tuple[list[str], int, set[str]]:
    """Columns of the rows, the place of the first row, and the terms of the aspect."""
    starts = [place for place, line in enumerate(lines) if line.startswith("### PDB-chain")]
    if not starts:
        raise ValueError(f"{path.name}: a file of DeepFRI has a line '### PDB-chain', got none.")
    head = [cell.strip() for cell in lines[starts[0]].split("\t")]
    column = _column(aspect)
    if column not in head:
        there = ", ".join(map(repr, head[1:])) or "none"
        raise ValueError(f"{path.name}: {aspect} is the column {column!r}, and there is {there}.")
    titles = [line.strip() for line in lines[: starts[0]]]
    if f"### {column}" not in titles:
        raise ValueError(f"{path.name}: no line '### {column}', below which its terms stand.")
    known = lines[titles.index(f"### {column}") + 1].split("\t")
    return head, starts[0] + 1, {term.strip() for term in known}


def gaf(path: str | Path, *, evidence: Collection[str] = EXPERIMENTAL) -> Annotations:
    """Read a gene association file, GAF 2.1 or 2.2.

    Parameters
    ----------
    path : str or Path
        Also `.gz`.
    evidence : collection of str
        Codes that count, of `EVIDENCE`.

    Returns
    -------
    annotations : Annotations
        By the object's id (column 2); of all aspects. Those with the qualifier NOT, and those of
        other evidence, are left out.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it says another version, a row has not 15 to 17 columns, no id or no GO term, or no
        annotation is left; for an unknown evidence code.

    Notes
    -----
    The format: geneontology.org/docs/go-annotation-file-gaf-format-2.2.

    Examples
    --------
    >>> import tempfile
    >>> row = ["UniProtKB", "P1", "A", "enables", "GO:0003824", "PMID:1", "IDA", *[""] * 8]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "my.gaf"
    ...     _ = path.write_text("!gaf-version: 2.2\\n" + "\\t".join(row))
    ...     gaf(path).pairs
    [('P1', 'GO:0003824')]
    """
    odd = sorted(set(evidence) - set(EVIDENCE))
    if odd or not evidence:
        raise ValueError(f"evidence: codes are {', '.join(EVIDENCE)}, got {', '.join(odd)!r}.")
    path = Path(path)
    pairs, left = [], Left()
    for number, line in enumerate(decoded(path).split("\n"), 1):
        if line.startswith("!"):
            _versioned(path, line)
            continue
        if not line.strip():
            continue
        name, qualifier, term, code = _association(f"{path.name}, line {number}", line)
        if "NOT" in qualifier.split("|"):
            left.add("the qualifier is NOT", f"{name} {term}")
        elif code not in evidence:
            left.add(f"the evidence is {code}", f"{name} {term}")
        else:
            pairs.append((name, term))
    return _some(Annotations(path.name, pairs, left))


def _versioned(path: Path, line: str) -> None:
    said = re.match(r"!\s*gaf-version:\s*(\S+)", line)
    if said and said[1] not in ("2.0", "2.1", "2.2"):
        raise ValueError(f"{path.name}: GAF 2.1 and 2.2 are read, got version {said[1]}.")


def _association(where: str, line: str) -> tuple[str, str, str, str]:
    """Id, qualifier, term and evidence of a row."""
    cells = [cell.strip() for cell in line.split("\t")]
    low, high = _WIDTHS
    if not low <= len(cells) <= high:
        raise ValueError(f"{where}: GAF has {low} to {high} columns, got {len(cells)}.")
    if not cells[1]:
        raise ValueError(f"{where}: a row has an object's id in column 2, got none.")
    if not _GO.fullmatch(cells[4]):
        raise ValueError(f"{where}: a GO term is in column 5, got {cells[4]!r}.")
    return cells[1], cells[3], cells[4], cells[6]


def _some(found: Annotations) -> Annotations:
    if not found.pairs:
        said = "; ".join(found.left.lines()) or "there is no row"
        raise ValueError(f"{found.source}: no annotation is left ({said}).")
    return found
