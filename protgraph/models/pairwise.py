"""A trained network of pairs, asked: every protein is encoded once, however many pairs it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch_geometric.data import Batch, Data

from protgraph.models.model import Model

PAIRS = 8192
"""Pairs that are scored at once."""


@torch.inference_mode()
def scores(
    model: Model, batches: Iterable[Sequence[Data]], partners: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Score pairs of proteins.

    Parameters
    ----------
    model : Model
        Of pairs.
    batches : iterable of sequences of Data
        One graph a protein, in the batches that are encoded at once. Of a generator one batch is
        held at a time; what stays of a protein is its vector.
    partners : ndarray of int64, shape [P, 2]
        Places among the graphs of all batches.

    Returns
    -------
    scores : ndarray of float32, shape [P, C]
        From 0 to 1, or quantities. Exchanging the partners of a pair changes no bit.

    Raises
    ------
    ValueError
        Where the model does not score pairs.

    Examples
    --------
    >>> from protgraph.models.model import Config
    >>> config = Config("demo", "pair", ("binds",), "gcn", inputs=4, edges=2, kinds=5, width=8)
    >>> graph = Data(x=torch.ones(3, 4), edge_index=torch.tensor([[0, 1], [1, 0]]))
    >>> said = scores(Model(config), [[graph], [graph]], np.array([[0, 1], [1, 0], [1, 1]]))
    >>> said.shape, bool(said[0] == said[1])
    ((3, 1), True)
    """
    model.eval()
    vectors = torch.cat([model.vectors(Batch.from_data_list(list(own))) for own in batches])
    parts = torch.split(torch.from_numpy(partners), PAIRS)
    said = torch.cat([model.bounded(model.pairs(vectors, part)) for part in parts])
    found: npt.NDArray[np.float32] = said.numpy()
    return found
