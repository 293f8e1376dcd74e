"""A batch dealt to ranks by residues, so that none waits for the long proteins of another."""

from __future__ import annotations

from collections.abc import Sequence


def share(sizes: Sequence[int], ranks: int) -> list[list[int]]:
    """Deal the items of one batch to ranks so that each has about as many residues.

    Parameters
    ----------
    sizes : sequence of int
        Residues of each item of the batch.
    ranks : int

    Returns
    -------
    parts : list of list of int
        One a rank: positions in the batch, in order; each item once. A rank has none where the
        batch has fewer items than there are ranks.

    Raises
    ------
    ValueError
        Where there is no rank.

    Notes
    -----
    The longest first, each to the rank with the fewest residues so far (Graham, SIAM J. Appl.
    Math. 17:416, 1969). The batch itself is that of a single rank: how many ranks there are
    changes neither which proteins meet in a step nor how often one is seen.

    On 2,501 natural proteins (mean 314, longest 1,024 residues) and 8,000 residues a rank, the
    fullest of two, four or eight ranks has less than 1 % more residues than the mean one, in every
    step but the last, which has what was left over (`tests/data/test_share.py`). A protein longer
    than a rank's share cannot be cut.

    Examples
    --------
    >>> share([5, 3, 9, 2], 2)
    [[2], [0, 1, 3]]
    """
    if ranks < 1:
        raise ValueError(f"A batch is dealt to one rank at least, got {ranks}.")
    if ranks == 1:
        return [list(range(len(sizes)))]
    parts: list[list[int]] = [[] for _ in range(ranks)]
    full = [0] * ranks
    for item in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        least = full.index(min(full))
        parts[least].append(item)
        full[least] += sizes[item]
    return [sorted(part) for part in parts]
