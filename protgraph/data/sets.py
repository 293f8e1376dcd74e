"""Named benchmark sets: one for every task."""

from __future__ import annotations

from collections.abc import Callable

from protgraph.data.corpora import localisation, secondary_structure, topology
from protgraph.data.dataset import Dataset, Pairs
from protgraph.data.functions import ec_chains, ec_structures
from protgraph.data.interfaces import interfaces
from protgraph.data.partners import ROUTES, SCHEMES, human, shs27k, yeast
from protgraph.data.sites import LIGANDS, enzyme_class, planted, sites
from protgraph.data.structured import human_structures
from protgraph.data.variants import GB1, fluorescence, gb1, stability

# ruff: noqa: ARG005 - only files of coordinates have gaps.


def _gb1(split: str) -> Callable[..., Dataset]:
    return lambda *, gaps=True: gb1(split)


def _yeast(scheme: str) -> Callable[..., Pairs]:
    return lambda *, gaps=True: yeast(scheme)


def _shs27k(route: str, seed: int) -> Callable[..., Pairs]:
    return lambda *, gaps=True: shs27k(route, seed)


SETS: dict[str, Callable[..., Dataset | Pairs]] = {
    "zinc-site": lambda *, gaps=True: sites(("ZN",), gaps=gaps),
    "calcium-site": lambda *, gaps=True: sites(("CA",), gaps=gaps),
    "magnesium-site": lambda *, gaps=True: sites(("MG",), gaps=gaps),
    "peptide-site": lambda *, gaps=True: sites(("PEP",), gaps=gaps),
    "ligand-sites": lambda *, gaps=True: sites(LIGANDS, gaps=gaps),
    "interface": lambda *, gaps=True: interfaces(),
    "enzyme-class": enzyme_class,
    "ec-chains": lambda *, gaps=True: ec_chains(),
    "ec-structures": ec_structures,
    "localisation": lambda *, gaps=True: localisation(),
    "secondary-structure": lambda *, gaps=True: secondary_structure(),
    "topology": lambda *, gaps=True: topology(),
    "fluorescence": lambda *, gaps=True: fluorescence(),
    "stability": lambda *, gaps=True: stability(),
    **{f"gb1-{name.replace('_', '-')}": _gb1(name) for name in GB1},
    **{f"ppi-yeast-{scheme}": _yeast(scheme) for scheme in SCHEMES},
    "ppi-human": lambda *, gaps=True: human(),
    "ppi-human-structures": lambda *, gaps=True: human_structures(),
    **{f"shs27k-{route}-{seed}": _shs27k(route, seed) for route in ROUTES for seed in range(3)},
    "planted-site": lambda *, gaps=True: planted(),
}
"""Task -> its benchmark set."""
