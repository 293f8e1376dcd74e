"""What a folding model says of one sequence: a protein, its confidence, a PDB file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np
import torch

from protgraph.structure.protein import CA, Floats, Protein
from protgraph.structure.residues import THREE

_BACKBONE = [0, 1, 2, 4]
"""Places of N, CA, C and CB among transformers' 14 atoms a residue; 3 is O."""

_SIDE = slice(4, 14)


@dataclass(frozen=True, eq=False)
class Folded:
    """A predicted structure, and how far the model trusts it.

    Parameters
    ----------
    protein : Protein
        Chain A, numbered from 1, pLDDT as its `confidence`. X has no atoms and is unobserved.
    ptm : float
        Predicted TM-score of the whole, from 0 to 1.
    pae : ndarray of float32, shape [L, L]
        Predicted aligned error in Å: of residue j, where prediction and truth are laid over each
        other at residue i.
    pdb : str
        A PDB file with all heavy atoms; `protgraph.read` gives `protein` back.

    Examples
    --------
    >>> Folded(Protein("demo", "M", np.zeros((1, 4, 3))), 0.5, np.zeros((1, 1)), "END").ptm
    0.5
    """

    protein: Protein
    ptm: float
    pae: Floats = field(repr=False)
    pdb: str = field(repr=False)


def percent(plddt: Floats) -> Floats:
    """Bring pLDDT to 0-100, whichever of 0-1 and 0-100 it is in.

    ESMFold's pLDDT is a mean over bins that begin at 1 %: from 0.01 to 0.99, or from 1 to 99 in
    versions that multiply it. So one value above 1 tells.

    Examples
    --------
    >>> percent(np.array([0.25, 0.75])).tolist(), percent(np.array([0.75, 75.0])).tolist()
    ([25.0, 75.0], [0.75, 75.0])
    """
    scaled: Floats = plddt if (plddt > 1).any() else 100 * plddt
    return scaled


def header(model: str, sequence: str) -> str:
    """Write the head of a PDB file that says what it is: a prediction, by which model, of what.

    Parameters
    ----------
    model : str
    sequence : str
        Written as SEQRES of chain A, so that residues without atoms are not lost.

    Examples
    --------
    >>> print(header("random-esmfold", "MX"), end="")
    TITLE     ESMFold prediction by random-esmfold, pLDDT in the B-factors
    EXPDTA    THEORETICAL MODEL
    SEQRES   1 A    2  MET UNK
    """
    title = wrap(f"ESMFold prediction by {model}, pLDDT in the B-factors", 69)
    lines = [f"TITLE     {title[0]}"]
    lines += [f"TITLE   {i:2d} {text}" for i, text in enumerate(title[1:], 2)]
    lines.append("EXPDTA    THEORETICAL MODEL")
    for i in range(0, len(sequence), 13):
        names = " ".join(THREE[letter] for letter in sequence[i : i + 13])
        lines.append(f"SEQRES {i // 13 + 1:3d} A {len(sequence):4d}  {names}")
    return "\n".join([*lines, ""])


def folded(
    name: str, sequence: str, output: Mapping[str, Any], *, by: str, notes: tuple[str, ...] = ()
) -> Folded:
    """Turn what `EsmForProteinFolding.infer` gives for one sequence into a `Folded`.

    Parameters
    ----------
    name, sequence, notes
        Of the protein.
    output : mapping of str to Tensor
        `positions` [8, 1, L, 14, 3] in Å, `plddt` [1, L, 37], and all else that it gives.
    by : str
        Name of the model.

    Raises
    ------
    ValueError
        For a coordinate that is not finite.
    """
    from transformers import EsmForProteinFolding

    xyz = output["positions"][-1, 0].cpu().numpy()  # [L, 14, 3]
    there = output["atom14_atom_exists"][0].bool().cpu().numpy()  # [L, 14]
    if not np.isfinite(xyz[there]).all():
        raise ValueError(f"{name}: {by} gave coordinates that are not finite.")
    xyz[~there] = np.nan
    plddt = percent(output["plddt"].cpu().numpy())  # [1, L, 37]
    count = there[:, _SIDE].sum(axis=1, keepdims=True)
    protein = Protein(
        name,
        sequence,
        xyz[:, _BACKBONE],
        np.nansum(xyz[:, _SIDE], axis=1) / np.where(count, count, np.nan),
        chain="A",
        confidence=np.where(there[:, CA], plddt[0, :, CA], np.nan),
        notes=notes,
    )
    kept = ("aatype", "residue_index", "atom37_atom_exists", "residx_atom37_to_atom14")
    parts = {key: output[key] for key in kept}
    parts |= {"positions": output["positions"][-1:], "plddt": torch.from_numpy(plddt)}
    return Folded(
        protein,
        ptm=float(output["ptm"]),
        pae=output["predicted_aligned_error"][0].cpu().numpy(),
        pdb=header(by, sequence) + EsmForProteinFolding.output_to_pdb(parts)[0],
    )
