"""What training an encoder costs, by its shape: entries, arithmetic, memory and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from protgraph.train.corpus import CHOSEN

if TYPE_CHECKING:
    from protgraph.language.network import Shape

STAGES = (0, 1, 2, 3)
"""Of ZeRO: ranks divide nothing, the optimiser's states, gradients too, weights too."""

NUMBER = 4
"""Bytes of a weight, a gradient, an average or what is sent: the engines keep all in fp32 and
compute under autocast to bf16."""


def parameters(shape: Shape) -> int:
    """Count the entries of a network and its masked head, which shares the embedding.

    Notes
    -----
    About 12 · layers · D², the rest being embedding, head, biases and norms.

    Examples
    --------
    >>> from protgraph.language.shapes import shape
    >>> parameters(shape("esm2_t33_650M_UR50D"))
    651042593
    """
    d, v = shape.width, shape.vocabulary
    block = 4 * d * d + 2 * d * shape.hidden + (4 * d + shape.hidden + d) + 4 * d
    tables = (v + shape.positions) * d + 2 * d * (shape.embedded + shape.before)
    head = d * d + d + 2 * d + v
    return tables + shape.layers * block + head


def matrices(shape: Shape) -> int:
    """Count the entries of the matrices of the blocks, those that Muon trains.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> matrices(Shape(33, 8, layers=2, heads=2, hidden=32))
    1536
    """
    return shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.hidden)


def forward(shape: Shape, length: int) -> float:
    """Floating-point operations of the products of a forward pass, a token.

    Parameters
    ----------
    shape : Shape
    length : int
        Tokens that a token attends to: of the protein it belongs to.

    Notes
    -----
    Two an entry of a matrix, and 4 · D · L a layer for scores and mix (Korthikanti et al., MLSys
    2023, appendix A); the head works on a `CHOSEN` share of the tokens. Norms, rotary angles and
    GELU are no products and are left out: they take time, which `utilisation` stands for. A
    backward pass takes twice as many.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> forward(Shape(30, 10, layers=1, heads=2, hidden=40), length=100)
    6520.0
    """
    d = shape.width
    head = CHOSEN * 2 * (d * d + d * shape.vocabulary)
    return 2 * matrices(shape) + shape.layers * 4 * d * length + head


def orthogonal(shape: Shape) -> float:
    """Floating-point operations of one step of Muon, whatever the batch.

    Notes
    -----
    Five Newton-Schulz iterations on every matrix [n, m], m <= n, of 4 n m² + 2 m³ each (Jordan et
    al., 2024).

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> orthogonal(Shape(33, 10, layers=1, heads=2, hidden=10))
    160000.0
    """
    d, h = shape.width, shape.hidden
    sizes = [(3 * d, d), (d, d), (h, d), (d, h)]
    pairs = [(max(size), min(size)) for size in sizes]
    return 5.0 * shape.layers * sum(4 * n * m * m + 2 * m**3 for n, m in pairs)


class Traffic(NamedTuple):
    """Entries that a rank sends in one step, as a multiple of all entries Ψ.

    Parameters
    ----------
    beside : float
        While passes are computed.
    after : float
        After the optimiser has moved the weights.
    """

    beside: float
    after: float


def traffic(stage: int, ranks: int, accumulation: int = 1) -> Traffic:
    """Count what a rank sends in one step.

    Parameters
    ----------
    stage, ranks : int
    accumulation : int
        Forward and backward passes a step.

    Notes
    -----
    Rajbhandari et al., SC20, section 7: 2 Ψ up to stage 2 and 3 Ψ at stage 3, for one pass a
    step. With several, stages 0 and 1 keep whole gradients and send once; stage 2 owns a part of
    them, so each pass sends its own; stage 3 gathers the weights twice a pass besides. A ring sends
    (N - 1) / N of each.

    Examples
    --------
    >>> [traffic(stage, ranks=2) for stage in (0, 2, 3)]
    [Traffic(beside=1.0, after=0.0), Traffic(beside=0.5, after=0.5), Traffic(beside=1.5, after=0.0)]
    >>> traffic(3, ranks=2, accumulation=4).beside
    6.0
    """
    share = (ranks - 1) / ranks
    beside, after = {0: (2, 0), 1: (1, 1), 2: (accumulation, 1), 3: (3 * accumulation, 0)}[stage]
    return Traffic(share * beside, share * after)
