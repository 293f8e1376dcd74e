"""What a language model looks at: attention maps, and the contacts that they tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from protgraph.language.encoder import checked
from protgraph.language.packing import pack
from protgraph.language.reader import LanguageModel

Floats = npt.NDArray[np.float32]


def attention(model: LanguageModel, sequence: str) -> Floats:
    """Attention maps of one protein.

    Parameters
    ----------
    model : LanguageModel
    sequence : str
        L letters, at most `model.window`: maps of several windows are not maps of the whole.

    Returns
    -------
    maps : ndarray of float32, shape [layers, H, L, L]
        Of every layer up to the last that the model was loaded for; row i says where residue i
        looks. Start and stop are left out, so rows sum to less than 1.

    Raises
    ------
    ValueError
        For letters that an encoder refuses, or a protein longer than the window.
    """
    maps: Floats = _maps(model, sequence)[:, :, 1:-1, 1:-1].cpu().numpy()
    return maps


def contacts(model: LanguageModel, sequence: str) -> Floats:
    """Probability that two residues touch (Cβ within 8 Å), as ESM-2 tells it from attention.

    Parameters
    ----------
    model : LanguageModel
        ESM-2, with the last layer and a checkpoint that has the contact regression.
    sequence : str
        L letters, at most `model.window`.

    Returns
    -------
    contacts : ndarray of float32, shape [L, L]
        Symmetric; the model was trained on pairs at least 6 apart in sequence.

    Raises
    ------
    ValueError
        Where the model has no contact regression or not all of its layers, and as `attention`.

    Notes
    -----
    Maps are made symmetric, corrected for the average product (Dunn et al., Bioinformatics 24:333,
    2008) and weighed by a logistic regression (Rao et al., ICLR 2021).
    """
    if model.regression is None:
        raise ValueError(
            f"{model.name}: contacts need the regression on attention maps, which the checkpoint "
            "lacks (a fair-esm *.pt never has it; the transformers format does)."
        )
    maps = _maps(model, sequence)[:, :, 1:-1, 1:-1].flatten(0, 1)  # [layers * H, L, L]
    weight = model.regression.weight.detach().to(maps.device)
    if weight.shape[1] != len(maps):
        raise ValueError(f"{model.name}: contacts need every layer; load the last one.")
    maps = maps + maps.transpose(1, 2)
    rows, total = maps.sum(2, keepdim=True), maps.sum((1, 2), keepdim=True)
    corrected = maps - rows * rows.transpose(1, 2) / total
    scores = torch.tensordot(weight[0], corrected, dims=1) + model.regression.bias.detach().to(
        maps.device
    )
    found: Floats = torch.sigmoid(scores).cpu().numpy()
    return found


def _maps(model: LanguageModel, sequence: str) -> Tensor:
    """Attention among all tokens, start and stop too, [layers, H, L + 2, L + 2] in fp32."""
    (sequence,) = checked([sequence])
    if len(sequence) > model.window:
        raise ValueError(
            f"{model.name}: attention maps are of proteins of at most {model.window} residues, "
            f"got {len(sequence)} ({sequence[:10]}...)."
        )
    packed = pack([model.alphabet.tokens(sequence)]).to(model.device)
    with torch.inference_mode():
        return model.run.maps(packed)  # type: ignore[attr-defined, no-any-return]
