"""BinaryCIF, read with biotite and handed to gemmi."""

from __future__ import annotations

import io
from typing import Any

_CATEGORIES = (
    "atom_site", "entity", "entity_poly", "entity_poly_seq", "exptl", "ma_qa_metric",
    "pdbx_poly_seq_scheme", "software", "struct", "struct_asym",
)  # fmt: skip


def binary_block(name: str, data: bytes) -> Any:
    """Rewrite BinaryCIF as a gemmi block, so that one reader decides for all three formats.

    Parameters
    ----------
    name : str
        File name, for messages.
    data : bytes
        An unpacked BinaryCIF file; the first data block is taken.

    Returns
    -------
    block : gemmi.cif.Block
        The categories that are read.

    Raises
    ------
    ImportError
        Without biotite.
    ValueError
        For bytes that are no BinaryCIF.

    Examples
    --------
    >>> binary_block("x.bcif", b"no")
    Traceback (most recent call last):
    ValueError: x.bcif: not a BinaryCIF file that can be read (ExtraData).
    """
    import gemmi

    try:
        from biotite.structure.io.pdbx import BinaryCIFFile
    except ImportError:
        raise ImportError(
            f'{name}: BinaryCIF is read with biotite: pip install "protgraph[bcif]"'
        ) from None
    try:
        source = BinaryCIFFile.read(io.BytesIO(data)).block
        tables = {
            category: {key: column.as_array(str) for key, column in source[category].items()}
            for category in _CATEGORIES
            if category in source
        }
    except Exception as error:  # msgpack and biotite raise a dozen kinds on broken bytes
        raise ValueError(
            f"{name}: not a BinaryCIF file that can be read ({type(error).__name__})."
        ) from None
    block = gemmi.cif.Block("bcif")
    for category, columns in tables.items():
        loop = block.init_loop(f"_{category}.", list(columns))
        loop.set_all_values([_quoted(column.tolist()) for column in columns.values()])
    return block


def _quoted(column: list[str]) -> list[str]:
    import gemmi

    safe = {value: value if value in (".", "?") else gemmi.cif.quote(value) for value in column}
    return [safe[value] for value in column]
