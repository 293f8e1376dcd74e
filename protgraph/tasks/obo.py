"""Reading an ontology from an OBO file, all of it or not at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from protgraph.tasks.ontology import CAFA, Ontology, ordered

_Tags = dict[str, list[str]]


def load(path: str | Path, *, relations: Sequence[str] = CAFA) -> Ontology:
    """Read an ontology from an OBO file.

    Parameters
    ----------
    path : str or Path
        An `.obo` file, or one compressed as `.obo.gz`.
    relations : sequence of str
        Which relations make a parent: `is_a` and types of `relationship`. The default are those
        of CAFA; DeepFRI follows `DEEPFRI`.

    Returns
    -------
    ontology : Ontology
        All namespaces of the file. Parents in another namespace are not followed, and obsolete
        terms are none, both as in cafaeval. A term without a namespace has that of the header.

    Raises
    ------
    ValueError
        Where the file cannot be read to its end, a line is no tag with a value, a term is there
        twice or lacks its id, name or namespace, a parent is no term, or terms are in a circle.

    Notes
    -----
    The format: OBO flat file 1.4 (owlcollab.github.io/oboformat). cafaeval passes over parents
    that the file does not have and over terms without a namespace; here they are errors.
    """
    path = Path(path)
    found: dict[str, _Tags] = {}
    alternatives: dict[str, tuple[str, ...]] = {}
    obsolete: set[str] = set()
    default: list[str] = []
    for kind, tags in _stanzas(path):
        if kind == "header":
            default = tags.get("default-namespace", [])
        elif kind == "[Term]":
            term = _first(path, tags, "id", "a term")
            if term in found or term in obsolete:
                raise ValueError(f"{path}: a term stands there once, but {term} twice.")
            if tags.get("is_obsolete", [""])[0].startswith("true"):
                obsolete.add(term)
                continue
            _first(path, tags, "name", term)
            tags.setdefault("namespace", default)
            _first(path, tags, "namespace", term)
            found[term] = tags
            for former in tags.get("alt_id", []):
                alternatives[former] = (*alternatives.get(former, ()), term)
    if not found:
        raise ValueError(f"{path}: an ontology has one term at least, got none.")
    above = {term: _parents(path, term, found, relations) for term in found}
    terms = ordered(str(path), above)
    place = {term: i for i, term in enumerate(terms)}
    return Ontology(
        terms,
        tuple(found[term]["name"][0] for term in terms),
        tuple(found[term]["namespace"][0] for term in terms),
        tuple(tuple(place[parent] for parent in above[term]) for term in terms),
        alternatives,
        frozenset(obsolete),
        tuple(relations),
    )


def _stanzas(path: Path) -> Iterator[tuple[str, _Tags]]:
    """The header and each stanza of a file, with its tags."""
    opened = gzip.open if path.suffix == ".gz" else open
    kind, tags = "header", _Tags()
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                tag, colon, value = line.strip().partition(":")
                if tag in ("[Term]", "[Typedef]", "[Instance]"):
                    yield kind, tags
                    kind, tags = tag, {}
                elif colon:
                    tags.setdefault(tag, []).append(value.strip())
                elif tag and not tag.startswith("!"):
                    raise ValueError(
                        f"{path}, line {number}: a line is 'tag: value', got {tag[:60]!r}."
                    )
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: an OBO file is text, plain or gzip, but {error}") from error
    yield kind, tags


def _first(path: Path, tags: _Tags, tag: str, of: str) -> str:
    """The first word of a tag that a term must have."""
    words = " ".join(tags.get(tag, [])).split()
    if not words:
        raise ValueError(f"{path}: every term has a tag {tag}, but {of} lacks it.")
    return words[0]


def _parents(
    path: Path, term: str, found: Mapping[str, _Tags], relations: Sequence[str]
) -> tuple[str, ...]:
    """Parents of a term that are in its own namespace."""
    tags = found[term]
    said = [f"is_a {value}" for value in tags.get("is_a", [])] + tags.get("relationship", [])
    parents: dict[str, None] = {}
    for relation, parent, *_ in ((words + "  ").split(" ") for words in said):
        if relation not in relations:
            continue
        if parent not in found:
            raise ValueError(f"{path}: a parent is a term, but {term} {relation} {parent!r}.")
        if found[parent]["namespace"] == tags["namespace"]:
            parents[parent] = None
    return tuple(parents)
