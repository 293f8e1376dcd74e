"""Low-rank adaptation: a linear layer stays as it is and learns a small difference."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from protgraph.language.network import Block

NAMES = ("qkv", "out", "up", "down")
"""Linear layers of a block that are adapted: attention's and the two after it."""


class Adapted(nn.Module):
    """W x + b + B A x, of which only A [r, in] and B [out, r] are trained.

    B begins at 0, so that at first nothing has changed (Hu et al., ICLR 2022; here with their
    α = r).

    Parameters
    ----------
    base : Linear
        Frozen by `freeze`.
    rank : int
        r.

    Raises
    ------
    ValueError
        Where the rank is above that of any difference, the smaller one of in and out.

    Examples
    --------
    >>> base = nn.Linear(3, 2)
    >>> x = torch.ones(1, 3)
    >>> bool((Adapted(base, 1)(x) == base(x)).all())
    True
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        most = min(base.in_features, base.out_features)
        if rank > most:
            raise ValueError(
                f"The rank of an adaptation of {base.in_features} by {base.out_features} numbers "
                f"is {most} at most, got {rank}."
            )
        self.base = base
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.empty(base.out_features, rank))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin again: A random with variance 1 / in, B 0."""
        nn.init.normal_(self.a, std=self.a.shape[1] ** -0.5)
        nn.init.zeros_(self.b)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out]."""
        y: Tensor = self.base(x) + x @ self.a.T @ self.b.T
        return y

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear layer that gives the same."""
        self.base.weight += self.b @ self.a
        return self.base


def adapt(network: nn.Module, rank: int) -> None:
    """Freeze a network, and adapt `NAMES` in each of its blocks.

    Raises
    ------
    ValueError
        Where the rank is not positive, or the network is adapted already.

    Examples
    --------
    >>> from protgraph.language.network import Network, Shape
    >>> network = Network(Shape(23, 8, layers=1, heads=2, hidden=16))
    >>> adapt(network, rank=1)  # (8 + 24) + (8 + 8) + (8 + 16) + (16 + 8)
    >>> sum(p.numel() for p in network.parameters() if p.requires_grad)
    96
    """
    if rank < 1:
        raise ValueError(f"The rank of an adaptation is 1 at least, got {rank}.")
    if any(isinstance(module, Adapted) for module in network.modules()):
        raise ValueError("A network is adapted once; `merge` makes it plain again.")
    for block in _blocks(network):
        for name in NAMES:
            setattr(block, name, Adapted(getattr(block, name), rank))
    freeze(network)


def freeze(network: nn.Module) -> None:
    """Let nothing but the differences of an adapted network be trained."""
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, Adapted):
            module.a.requires_grad_(True)
            module.b.requires_grad_(True)


def merge(network: nn.Module) -> None:
    """Fold every difference into its layer: the network is plain again, and gives the same.

    Examples
    --------
    >>> from protgraph.language.network import Network, Shape
    >>> network = Network(Shape(23, 8, layers=1, heads=2, hidden=16))
    >>> before = list(network.state_dict())
    >>> adapt(network, rank=1)
    >>> merge(network)
    >>> list(network.state_dict()) == before
    True
    """
    for block in _blocks(network):
        for name in NAMES:
            layer = getattr(block, name)
            if isinstance(layer, Adapted):
                setattr(block, name, layer.merged())
    network.requires_grad_(True)


def _blocks(network: nn.Module) -> Iterator[Block]:
    return (module for module in network.modules() if isinstance(module, Block))
