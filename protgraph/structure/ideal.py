"""Ideal backbones: helices and strands packed side by side, joined by loops that fit."""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.geometry import virtual_cb
from protgraph.structure.protein import CA, CB

Array = npt.NDArray[np.float64]
Kind = Literal["helices", "strands", "mixed"]

# Engh & Huber, Acta Cryst A47:392 (1991): the bonds that end in N, CA and C (Å), and the angle
# before each (CA-C-N, C-N-CA, N-CA-C).
_BONDS = (1.329, 1.458, 1.525)
_ANGLES = np.radians((116.2, 121.7, 111.2))

# φ and ψ of the α helix and the flat antiparallel strand: IUPAC-IUB, Biochemistry 9:3471 (1970);
# their rise per residue in Å; how many residues average to a point on the axis.
_TORSIONS = {"H": (-57.0, -47.0), "E": (-139.0, 135.0)}
_RISE = {"H": 1.5, "E": 3.4}
_TURN = {"H": 4, "E": 2}
_MISS = 12.0  # Å²; where a segment misses its place by more, another loop is tried
_BASINS = np.array([(-65.0, -35.0), (-90.0, 0.0), (-75.0, 145.0), (-120.0, 130.0), (75.0, 20.0)])


class _Plan(NamedTuple):
    kinds: str  # of the S segments, "H" or "E"
    sizes: list[int]  # residues of each
    loops: list[int]  # residues before each, give or take one
    axes: Array  # [S, 2], Å: where each segment's axis crosses the plane


class _Chain(NamedTuple):
    torsions: Array  # [n, 2], φ and ψ in radians
    atoms: Array  # [n, 3, 3], N, CA and C
    frame: Array  # [3, 3], of the last C: columns along the bond, in plane, normal
    origin: Array  # [3], the last C


class _Gap(NamedTuple):
    chain: _Chain
    phi: float  # of the next segment's first residue
    marks: Array  # [3, 3], the next segment's landmarks seen from its first residue's C
    goal: Array  # [3, 3], where they should come to lie
    flat: bool  # whether the segment's pleat must stand out of the sheet


class _Ends(NamedTuple):
    frame: Array  # [M, 3, 3], of the next segment's first C
    origin: Array  # [M, 3], that atom
    ca: Array  # [M, k + 1, 3], the loop's CA and the next residue's


def fold(kind: Kind, length: int, rng: np.random.Generator) -> tuple[Array, Array, str] | None:
    """Make one backbone.

    Parameters
    ----------
    kind : {"helices", "strands", "mixed"}
        A bundle of antiparallel helices 10 Å apart; two sheets, 10 Å apart, of antiparallel
        strands 4.8 Å apart; or one such sheet with a layer of helices on it.
    length : int
        Residues, 60 to 200.
    rng : numpy.random.Generator

    Returns
    -------
    backbone : ndarray of shape [L, 4, 3]
        N, CA, C, CB in Å.
    torsions : ndarray of shape [L, 2]
        φ and ψ in radians; the first φ and the last ψ move no atom.
    states : str
        A letter a residue: H helix, E strand, L loop.
        None in place of the three where no loop was found that fits.

    Raises
    ------
    ValueError
        Where `kind` is another.

    Notes
    -----
    Bond lengths and angles are those of Engh & Huber (1991), ω is 180°, and each atom is placed
    from the three before it (NeRF: Parsons et al., J Comput Chem 26:1063, 2005). Loops come from a
    random search that brings the next segment to its place and keeps clear of what is there.

    Examples
    --------
    >>> made = fold("helices", 60, np.random.default_rng(0))
    >>> made[0].shape, made[2].count("H") > 40
    ((60, 4, 3), True)
    """
    laid = _lay(_plan(kind, length), rng)
    if laid is None:
        return None
    chain, states = laid
    backbone = np.concatenate([chain.atoms, np.zeros((length, 1, 3))], axis=1)
    backbone[:, CB] = virtual_cb(backbone)
    return backbone, chain.torsions, states


def _plan(kind: Kind, length: int) -> _Plan:
    """Choose the segments and the place of each axis, so that neighbours in sequence touch."""
    if kind == "helices":
        kinds = "H" * max(3, round(length / 26))
        axes = [(10.0 * ((i + 1) % 4 > 1), 10.0 * (i // 2)) for i in range(len(kinds))]
    elif kind == "strands":
        kinds = "E" * max(4, round(length / 11))
        half = (len(kinds) + 1) // 2
        axes = [(4.8 * min(i, 2 * half - 1 - i), 10.0 * (i >= half)) for i in range(len(kinds))]
    elif kind == "mixed":
        pairs = max(2, round(length / 40))
        kinds = "EE" * pairs + "H" * pairs
        axes = [(4.8 * i, 0.0) for i in range(2 * pairs)]
        axes += [(9.6 * pairs - 7.2 - 10.0 * i, 10.0) for i in range(pairs)]
    else:
        raise ValueError(f"kind is helices, strands or mixed, got {kind!r}.")
    # A loop of 4 before each segment but the first, or of 6 where it crosses 10 Å.
    loops = [0, *(4 + 2 * (np.linalg.norm(np.diff(axes, axis=0), axis=1) > 5)).tolist()]
    share = np.cumsum([1 / _RISE[state] for state in kinds])
    ends = np.rint(share / share[-1] * (length - sum(loops))).astype(int)
    return _Plan(kinds, np.diff(ends, prepend=0).tolist(), loops, np.array(axes))


def _rotation(torsion: Array, angle: float) -> Array:
    """Turn from an atom's frame to the next one's; columns along the bond, in plane, normal."""
    s, c, sa, ca = np.sin(torsion), np.cos(torsion), np.sin(angle), np.cos(angle)
    turn = np.zeros((*np.shape(torsion), 3, 3))
    turn[..., 0, 0], turn[..., 0, 1] = -ca, -sa
    turn[..., 1, 0], turn[..., 1, 1], turn[..., 1, 2] = sa * c, -ca * c, -s
    turn[..., 2, 0], turn[..., 2, 1], turn[..., 2, 2] = sa * s, -ca * s, c
    return turn


def _grow(frame: Array, origin: Array, psi: Array, phi: Array) -> tuple[Array, Array, Array]:
    """Add n residues behind the C atom at `origin`.

    `psi` [..., n] (radians) is that of the residue before each new one, `phi` its own. Gives the
    new N, CA and C [..., n, 3, 3] and the frame and place of the last C.
    """
    to_n = _rotation(psi, _ANGLES[0])
    to_ca = to_n @ _rotation(np.array(np.pi), _ANGLES[1])
    to_c = to_ca @ _rotation(phi, _ANGLES[2])
    bonds = [b * t[..., 0] for b, t in zip(_BONDS, (to_n, to_ca, to_c), strict=True)]
    places = [bonds[0], bonds[0] + bonds[1], bonds[0] + bonds[1] + bonds[2]]
    local = np.stack(places, axis=-2)  # [..., n, 3 atoms, 3]
    atoms = []
    for residue in range(psi.shape[-1]):
        placed = local[..., residue, :, :] @ frame.swapaxes(-1, -2) + origin[..., None, :]
        atoms.append(placed)
        frame, origin = frame @ to_c[..., residue, :, :], placed[..., 2, :]
    return np.stack(atoms, axis=-3), frame, origin


def _chain(torsions: Array) -> _Chain:
    """Grow a chain from its φ and ψ [n, 2]."""
    before = np.append(0.0, torsions[:-1, 1])
    return _Chain(torsions, *_grow(np.eye(3), np.zeros(3), before, torsions[:, 0]))


@cache
def _segment(state: str, n: int) -> tuple[_Chain, Array]:
    """An ideal segment, and its landmarks seen from its first residue's C."""
    chain = _chain(np.tile(np.radians(_TORSIONS[state]), (n, 1)))
    first = _chain(chain.torsions[:1])
    marks = _marks(chain.atoms[:, CA], state)
    marks[:2] -= first.origin
    return chain, marks @ first.frame


def _marks(ca: Array, state: str) -> Array:
    """Start and end of a segment's axis, and the direction in which its even CA stand out."""
    turn = _TURN[state]
    pleat = (ca[1:-1] - (ca[:-2] + ca[2:]) / 2) * (-1.0) ** np.arange(len(ca) - 2)[:, None]
    out = pleat.mean(axis=0)
    return np.stack([ca[:turn].mean(axis=0), ca[-turn:].mean(axis=0), out / np.linalg.norm(out)])


def _lay(plan: _Plan, rng: np.random.Generator) -> tuple[_Chain, str] | None:
    """Lay the segments along their axes, up and down by turn; the chain and its states."""
    states = plan.kinds[0] * plan.sizes[0]
    chain, _ = _segment(plan.kinds[0], plan.sizes[0])
    start, end, out = _marks(chain.atoms[:, CA], plan.kinds[0])
    up = (end - start) / np.linalg.norm(end - start)
    across = np.cross(out, up) / np.linalg.norm(np.cross(out, up))
    plane = np.stack([across * rng.choice([-1, 1]), np.cross(up, across)])
    for i in range(1, len(plan.kinds)):
        line = np.stack([(start + end) / 2 + plan.axes[i] @ plane, (-1) ** i * up, plane[1]])
        for _ in range(20):
            k = plan.loops[i] + int(rng.integers(-1, 2))
            n = plan.sizes[i] + plan.loops[i] - k
            longer = _join(chain, plan.kinds[i], (k, n), line, rng)
            if longer is not None:
                break
        else:
            return None
        chain, states = longer, states + "L" * k + plan.kinds[i] * n
    return chain, states


def _join(
    chain: _Chain, state: str, sizes: tuple[int, int], line: Array, rng: np.random.Generator
) -> _Chain | None:
    """Add a loop and a segment along `line` (middle, direction, normal); None where they miss."""
    segment, marks = _segment(state, sizes[1])
    reach = line[1] * np.linalg.norm(marks[1] - marks[0]) / 2
    goal = np.stack([line[0] - reach, line[0] + reach, line[2]])
    gap = _Gap(chain, float(segment.torsions[0, 0]), marks, goal, state == "E")
    loop, miss = _loop(gap, sizes[0], rng)
    if miss > _MISS:
        return None
    longer = _chain(np.vstack([chain.torsions, loop, segment.torsions]))
    return None if _clashes(longer.atoms[:, CA]) else longer


@cache
def _library(psi: float, phi: float, k: int) -> tuple[Array, _Ends]:
    """Random loops [4000, k, 2] between residues of these torsions, and where they lead."""
    rng = np.random.default_rng(k)
    loops = np.radians(_BASINS)[rng.integers(len(_BASINS), size=(4000, k))]
    loops += rng.normal(0, np.radians(20), loops.shape)
    return loops, _ends(loops, psi, phi)


def _ends(loops: Array, psi: float, phi: float) -> _Ends:
    """Where loops [M, k, 2] lead from a C atom at the origin."""
    before = np.insert(loops[..., 1], 0, psi, axis=1)
    own = np.insert(loops[..., 0], loops.shape[1], phi, axis=1)
    atoms, frame, origin = _grow(np.eye(3), np.zeros(3), before, own)
    return _Ends(frame, origin, atoms[:, :, CA])


def _loop(gap: _Gap, k: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Search φ and ψ [k, 2] of a loop, from a library by ever smaller steps; and its miss."""
    psi = float(gap.chain.torsions[-1, 1])
    loops, ends = _library(psi, gap.phi, k)
    start = rng.integers(len(loops) - 1000)
    some = slice(start, start + 1000)
    pool, miss = loops[some], _miss(gap, _Ends(*(e[some] for e in ends)))
    for step in (10, 5, 3):
        best = pool[np.argsort(miss)[:6]]
        pool = np.concatenate([best, np.repeat(best, 10, axis=0)])
        pool[6:] += rng.normal(0, np.radians(step), pool[6:].shape)
        miss = _miss(gap, _ends(pool, psi, gap.phi))
        if not _MISS / 2 < miss.min() < 4 * _MISS:
            break
    return pool[np.argmin(miss)], float(miss.min())


def _miss(gap: _Gap, ends: _Ends) -> Array:
    """How badly loops that lead to `ends` bring the next segment to its goal, in Å² [M]."""
    chain = gap.chain
    goal = (gap.goal[:2] - chain.origin) @ chain.frame
    up = (goal[1] - goal[0]) / np.linalg.norm(goal[1] - goal[0])
    marks = (ends.frame.reshape(-1, 3) @ gap.marks.T).reshape(-1, 3, 3).swapaxes(1, 2)
    off = marks[:, :2] + (ends.origin[:, None] - goal)
    # A shift along the axis matters less than one across it.
    miss: Array = (off**2).sum(axis=(1, 2)) - 0.8 * ((off @ up) ** 2).sum(axis=1)
    if gap.flat:
        miss += 25 * (1 - (marks[:, 2] @ (gap.goal[2] @ chain.frame)) ** 2)
    # Crowding is worth a look only where the segment comes near its goal.
    close = np.argsort(miss)[:50]
    ca = ends.ca[close].reshape(-1, 3)
    old = (chain.atoms[:-2, CA] - chain.origin) @ chain.frame
    square = (ca**2).sum(axis=1)[:, None] + (old**2).sum(axis=1) - 2 * ca @ old.T
    crowding = np.maximum(4.5**2 - square, 0).sum(axis=1).reshape(len(close), -1).sum(axis=1)
    total = np.full(len(miss), np.inf)
    total[close] = miss[close] + crowding
    return total


def _clashes(ca: Array) -> bool:
    """Whether two CA that are not neighbours in sequence lie within 3.6 Å."""
    distance = np.linalg.norm(ca[:, None] - ca, axis=-1)
    return bool((distance[np.triu_indices(len(ca), 2)] < 3.6).any())
