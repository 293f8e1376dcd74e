"""The residue alphabet, and what is known of each letter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
"""The 20 standard amino acids in alphabetical order, then X for any other."""

UNKNOWN = LETTERS.index("X")

THREE = {
    "A": "ALA", "C": "CYS", "D": "ASP", "E": "GLU", "F": "PHE", "G": "GLY", "H": "HIS",
    "I": "ILE", "K": "LYS", "L": "LEU", "M": "MET", "N": "ASN", "P": "PRO", "Q": "GLN",
    "R": "ARG", "S": "SER", "T": "THR", "V": "VAL", "W": "TRP", "Y": "TYR", "X": "UNK",
}  # fmt: skip
"""One-letter code -> PDB residue name."""

SCALES: dict[str, dict[str, float]] = {
    # Kyte & Doolittle, J Mol Biol 157:105 (1982): hydropathy index.
    "hydropathy": {
        "A": 1.8, "C": 2.5, "D": -3.5, "E": -3.5, "F": 2.8, "G": -0.4, "H": -3.2, "I": 4.5,
        "K": -3.9, "L": 3.8, "M": 1.9, "N": -3.5, "P": -1.6, "Q": -3.5, "R": -4.5, "S": -0.8,
        "T": -0.7, "V": 4.2, "W": -0.9, "Y": -1.3,
    },
    # Zamyatnin, Prog Biophys Mol Biol 24:107 (1972): volume in Å^3.
    "volume": {
        "A": 88.6, "C": 108.5, "D": 111.1, "E": 138.4, "F": 189.9, "G": 60.1, "H": 153.2,
        "I": 166.7, "K": 168.6, "L": 166.7, "M": 162.9, "N": 114.1, "P": 112.7, "Q": 143.8,
        "R": 173.4, "S": 89.0, "T": 116.1, "V": 140.0, "W": 227.8, "Y": 193.6,
    },
    # Grantham, Science 185:862 (1974): polarity.
    "polarity": {
        "A": 8.1, "C": 5.5, "D": 13.0, "E": 12.3, "F": 5.2, "G": 9.0, "H": 10.4, "I": 5.2,
        "K": 11.3, "L": 4.9, "M": 5.7, "N": 11.6, "P": 8.0, "Q": 10.5, "R": 10.5, "S": 9.2,
        "T": 8.6, "V": 5.9, "W": 5.4, "Y": 6.2,
    },
    # Net charge at pH 7 (Henderson-Hasselbalch; histidine with a side-chain pKa of 6.0).
    "charge": {
        "A": 0.0, "C": 0.0, "D": -1.0, "E": -1.0, "F": 0.0, "G": 0.0, "H": 0.09, "I": 0.0,
        "K": 1.0, "L": 0.0, "M": 0.0, "N": 0.0, "P": 0.0, "Q": 0.0, "R": 1.0, "S": 0.0,
        "T": 0.0, "V": 0.0, "W": 0.0, "Y": 0.0,
    },
    # Pace & Scholtz, Biophys J 75:422 (1998): helix propensity in kcal/mol, alanine 0.
    "helix": {
        "A": 0.0, "C": 0.68, "D": 0.69, "E": 0.40, "F": 0.54, "G": 1.0, "H": 0.61, "I": 0.41,
        "K": 0.26, "L": 0.21, "M": 0.24, "N": 0.65, "P": 3.16, "Q": 0.39, "R": 0.21, "S": 0.50,
        "T": 0.66, "V": 0.61, "W": 0.49, "Y": 0.53,
    },
    # Chou & Fasman, Adv Enzymol 47:45 (1978): strand propensity P(b).
    "strand": {
        "A": 0.83, "C": 1.19, "D": 0.54, "E": 0.37, "F": 1.38, "G": 0.75, "H": 0.87, "I": 1.60,
        "K": 0.74, "L": 1.30, "M": 1.05, "N": 0.89, "P": 0.55, "Q": 1.10, "R": 0.93, "S": 0.75,
        "T": 1.19, "V": 1.70, "W": 1.37, "Y": 1.47,
    },
    # Tien et al., PLoS ONE 8:e80635 (2013): largest accessible surface (theoretical), Å^2.
    "surface": {
        "A": 129.0, "C": 167.0, "D": 193.0, "E": 223.0, "F": 240.0, "G": 104.0, "H": 224.0,
        "I": 197.0, "K": 236.0, "L": 201.0, "M": 224.0, "N": 195.0, "P": 159.0, "Q": 225.0,
        "R": 274.0, "S": 155.0, "T": 172.0, "V": 174.0, "W": 285.0, "Y": 263.0,
    },
}  # fmt: skip
"""Physico-chemical scales of the 20 standard amino acids, each with its source beside it."""

_CODES = np.full(256, UNKNOWN, dtype=np.int64)
_CODES[np.frombuffer(LETTERS.encode(), dtype=np.uint8)] = np.arange(len(LETTERS))


def codes(sequence: str) -> npt.NDArray[np.int64]:
    """Turn letters into positions in `LETTERS`; any letter outside it becomes X.

    Parameters
    ----------
    sequence : str
        L one-letter codes, upper case.

    Returns
    -------
    codes : ndarray of int64, shape [L]

    Examples
    --------
    >>> codes("ACX").tolist()
    [0, 1, 20]
    """
    return _CODES[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]


def standardised() -> npt.NDArray[np.float32]:
    """Tabulate every scale with mean 0 and variance 1 over the 20 amino acids.

    Returns
    -------
    table : ndarray of float32, shape [21, 7]
        A row a letter in the order of `LETTERS`, a column a scale in the order of `SCALES`;
        X has the mean, 0.

    Examples
    --------
    >>> table = standardised()
    >>> table.shape, bool(abs(table[:20].mean(axis=0)).max() < 1e-6)
    ((21, 7), True)
    """
    table = np.array([[scale[a] for scale in SCALES.values()] for a in LETTERS[:UNKNOWN]])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    return np.vstack([table, np.zeros(len(SCALES))]).astype(np.float32)
