"""EC numbers as a tree: a complete one says all its partial forms."""

from __future__ import annotations

import re
from collections.abc import Iterable

from protgraph.tasks.ontology import Ontology, ordered

NUMBER = re.compile(r"[1-7](\.\d+){3}|[1-7](\.\d+){2}\.(n\d+|-)|[1-7]\.\d+\.-\.-|[1-7]\.-\.-\.-")
"""An EC number, complete or partial."""


def ec_forms(number: str) -> tuple[str, ...]:
    """An EC number with its partial forms, the most general first.

    Parameters
    ----------
    number : str
        Four fields, the last ones "-" where unknown; preliminary numbers end in "n1".

    Returns
    -------
    forms : tuple of str
        One to four. The EC set of DeepFRI labels a chain with the last two of a complete number.

    Examples
    --------
    >>> ec_forms("3.4.21.4")
    ('3.-.-.-', '3.4.-.-', '3.4.21.-', '3.4.21.4')
    >>> ec_forms("3.4.-.-")
    ('3.-.-.-', '3.4.-.-')
    """
    if not NUMBER.fullmatch(number):
        raise ValueError(f"an EC number is like 3.4.21.4 or 3.4.21.-, got {number!r}.")
    known = [part for part in number.split(".") if part != "-"]
    return tuple(".".join(known[:n] + ["-"] * (4 - n)) for n in range(1, len(known) + 1))


def ec_ontology(numbers: Iterable[str]) -> Ontology:
    """Make the tree of EC numbers and their partial forms.

    Examples
    --------
    >>> ec_ontology(["3.4.21.4", "3.4.21.5"]).closure(["3.4.21.5"])
    ('3.-.-.-', '3.4.-.-', '3.4.21.-', '3.4.21.5')
    """
    above: dict[str, tuple[str, ...]] = {}
    for forms in map(ec_forms, numbers):
        above.update((form, forms[max(i - 1, 0) : i]) for i, form in enumerate(forms))
    terms = ordered("EC", above)
    place = {term: i for i, term in enumerate(terms)}
    parents = tuple(tuple(place[parent] for parent in above[term]) for term in terms)
    return Ontology(terms, terms, ("EC",) * len(terms), parents, {}, frozenset(), ("is_a",))
