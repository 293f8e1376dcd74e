"""The same proteins and labels on predicted structures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from protgraph.data.dataset import Held, exchanged
from protgraph.structure.protein import Protein
from protgraph.structure.read import read


def folded(data: Held, fold: Callable[[Iterable[Protein]], list[Path]], name: str) -> Held:
    """Put a predicted structure in the place of each observed one.

    Parameters
    ----------
    data : Dataset or Pairs
    fold : callable
        Proteins -> PDB files with one chain of the full sequence each, in their order, such as
        `language.folding.fold_all` writes.
    name : str
        Of the model that folds.

    Returns
    -------
    data : Dataset or Pairs
        Names, chains, author numbering, labels, split and families are those of `data`. Residues
        that were not observed have coordinates now, and no label still.

    Raises
    ------
    ValueError
        Where a file holds another sequence.
    """
    placed = []
    paths = fold(data.proteins)
    for own, path in zip(data.proteins, paths, strict=True):
        (model,) = read(path, predicted=True)
        if model.sequence != own.sequence:
            raise ValueError(
                f"{path.name}: the model has {len(model)} residues of another sequence than "
                f"{own.name}, which has {len(own)}."
            )
        placed.append(replace(model, name=own.name, chain=own.chain, numbering=own.numbering))
    return exchanged(data, placed, f"{data.name}, folded by {name}")
