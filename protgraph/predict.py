"""A loaded model and proteins give predictions; nothing here looks up a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt
import torch
from torch_geometric.data import Batch, Data

from protgraph.data.batch import batches
from protgraph.data.candidates import Partner, distinct
from protgraph.graph.build import build, sequence
from protgraph.language.encoder import Encoder
from protgraph.language.stored import recalled
from protgraph.models import pairwise
from protgraph.models.model import SEQUENCE, Config, Model
from protgraph.structure.protein import Floats, Protein
from protgraph.structure.read import read
from protgraph.tasks.prediction import Prediction
from protgraph.tasks.probability import applied, scale
from protgraph.tasks.text import promise

if TYPE_CHECKING:
    from protgraph.models.student import Student, StudentConfig

BUDGET = 8000
"""Residues that are scored at once."""


def alone(config: Config | StudentConfig) -> bool:
    """Whether a model reads the sequence alone, so that no structure is needed.

    Examples
    --------
    >>> alone(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0))
    True
    """
    return not isinstance(config, Config) or config.encoder in SEQUENCE


def example(config: Config, protein: Protein, vectors: Floats | None, *, side: bool = True) -> Data:
    """Turn a protein into the graph that a model reads.

    Parameters
    ----------
    config : Config
        Its `encoder` tells whether the structure is looked at, its `graph` how.
    protein : Protein
    vectors : ndarray of shape [L, D], optional
        Of the language encoder that the model names.
    side : bool
        False hides the side chains.
    """
    if alone(config):
        return sequence(protein, vectors=vectors, nodes=config.graph["nodes"])
    settings = {**config.graph, "side": side and config.graph.get("side", True)}
    return build(protein, vectors=vectors, **settings)


@torch.inference_mode()
def scores(model: Model, graphs: Sequence[Data]) -> list[Floats]:
    """Score graphs in batches by a budget of residues.

    Returns
    -------
    scores : list of ndarray
        [N, C] a graph at residue level, [C] at protein level, from 0 to 1, in the given order.
    """
    model.eval()
    sizes = [len(graph.residue) for graph in graphs]
    found: list[Floats] = []
    for batch in batches(sizes, BUDGET):
        said = model.probabilities(Batch.from_data_list([graphs[i] for i in batch])).numpy()
        if model.config.level == "residue":
            found += np.split(said, np.cumsum([sizes[i] for i in batch])[:-1])
        else:
            found += list(said)
    return found


def spread(protein: Protein, residue: npt.NDArray[np.int64], rows: Floats) -> Floats:
    """Put the rows of some residues at their places in the full sequence.

    Parameters
    ----------
    protein : Protein
    residue : ndarray of int64, shape [N]
        Positions in the full sequence.
    rows : ndarray of shape [N, C]

    Returns
    -------
    spread : ndarray of float32, shape [L, C]
        NaN where a residue has no row.
    """
    full = np.full((len(protein), rows.shape[1]), np.nan, dtype=np.float32)
    full[residue] = rows
    return full


@dataclass(frozen=True)
class Predictor:
    """A model ready to answer.

    Parameters
    ----------
    model : Model or Student
    name : str
        What it was asked for by; stands in the head of every output.

    Raises
    ------
    ValueError
        Where the model has no outputs, or its calibration does not fit.
    """

    model: Model | Student
    name: str

    def __post_init__(self) -> None:
        config = self.model.config
        if not config.outputs:
            raise ValueError(f"{self.name}: it gives vectors (`protgraph embed`) and no scores.")
        try:
            applied(config.calibration, np.full(len(config.outputs), 0.5))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.name}: {error}") from error

    @cached_property
    def _language(self) -> Encoder | None:
        c = self.model.config
        if not isinstance(self.model, Model) or not c.vectors:
            return None
        found = recalled(c.vectors, layer=c.layer)
        if found.digest != c.digest:
            said = f"trained on vectors of {c.vectors} with the digest {c.digest}"
            rule = f"the weights that are there now have {found.digest}"
            raise ValueError(f"{self.name}: {said}; {rule}.")
        return found

    @property
    def encoder(self) -> str:
        """Which language encoder gives the vectors: its name, or "none"."""
        return self._language.name if self._language else "none"

    @property
    def scale(self) -> str:
        """What the scores are, and of a student that it read the sequence alone."""
        config = self.model.config
        parts = [] if config.value else [scale(config.calibration)]
        if not isinstance(self.model, Model):
            parts.append("from the sequence alone")
        return "; ".join(parts)

    def describe(self) -> str:
        """Say in a few lines what this model is, what its scores are and where it calls."""
        config = self.model.config
        lines = [self.name, self.model.describe()]
        if self.scale:
            lines.append(f"scores: {self.scale}")
        if len(config.outputs) > 1 and len(set(config.thresholds)) == 1:
            lines.append(f"threshold of all outputs: {config.thresholds[0]:g}")
        else:
            pairs = zip(config.outputs, config.thresholds, strict=False)
            lines += [f"threshold of {output}: {value:g}" for output, value in pairs]
        lines += [f"expected of {name}: {promise(own)}" for name, own in config.expected.items()]
        return "\n".join(lines)

    @overload
    def predict(self, proteins: Protein) -> Prediction: ...
    @overload
    def predict(
        self, proteins: str | Path | Iterable[str | Path | Protein]
    ) -> list[Prediction]: ...

    def predict(
        self, proteins: Protein | str | Path | Iterable[str | Path | Protein]
    ) -> Prediction | list[Prediction]:
        """Predict for proteins or for all chains of files.

        Parameters
        ----------
        proteins : Protein, path, or an iterable of both

        Returns
        -------
        predictions : Prediction or list of Prediction
            One for a Protein; for a path, which may hold several chains, or an iterable, a list.
            A model that reads the sequence alone takes the full sequence of a structure: residues
            that were not observed have scores too.

        Raises
        ------
        ValueError, FileNotFoundError
            Naming the file or protein that cannot be read or scored; and for a model of pairs,
            which is asked by `predict_pairs`.
        """
        if self.model.config.level == "pair":
            rule = "a model of pairs scores two proteins: call predict_pairs([(a, b), ...])"
            raise ValueError(f"{self.name}: {rule} instead of predict.")
        if isinstance(proteins, Protein):
            return self._score([proteins])[0]
        if isinstance(proteins, (str, Path)):
            proteins = [proteins]
        gaps = self.model.config.gaps
        found = [(one,) if isinstance(one, Protein) else read(one, gaps=gaps) for one in proteins]
        return self._score([protein for own in found for protein in own])

    def predict_pairs(self, pairs: Iterable[tuple[Partner, Partner]]) -> list[Prediction]:
        """Predict for pairs of proteins; each protein is encoded once, however many it is in.

        Parameters
        ----------
        pairs : iterable of two Proteins or paths each
            A path is of a file with one protein. A protein may pair with itself.

        Returns
        -------
        predictions : list of Prediction
            One a pair, in their order, with the second one as `partner`; exchanged partners have
            the same score.

        Raises
        ------
        ValueError, FileNotFoundError
            Naming the file or protein that cannot be read or scored, or what is no pair; and for a
            model of another level, which is asked by `predict`.

        Notes
        -----
        Graphs are made and encoded `BUDGET` residues at a time; of each protein a vector is kept.
        """
        model, config = self.model, self.model.config
        if not isinstance(model, Model) or config.level != "pair":
            rule = f"predict_pairs asks models of pairs, and this one scores a {config.level}"
            raise ValueError(f"{self.name}: {rule}: call predict instead.")
        proteins, partners = distinct(pairs, gaps=config.gaps)
        if not proteins:
            return []
        dealt = batches([len(protein) for protein in proteins], BUDGET)
        graphs = (self.graphs([proteins[i] for i in batch]) for batch in dealt)
        rows = applied(config.calibration, pairwise.scores(model, graphs, partners))
        both = zip(rows, partners.tolist(), strict=True)
        return [self._said(own, proteins[a], proteins[b]) for own, (a, b) in both]

    def graphs(self, proteins: Sequence[Protein]) -> list[Data]:
        """Turn proteins into the graphs that the model reads.

        Raises
        ------
        ValueError
            Where the language encoder is not the one of training, or the model looks at
            structures and a protein has none.
        """
        vectors: Sequence[Floats | None] = [None] * len(proteins)
        if self._language:
            vectors = self._language.encode([protein.sequence for protein in proteins])
        both = zip(proteins, vectors, strict=True)
        return [example(self.model.config, protein, own) for protein, own in both]

    def _rows(self, proteins: Sequence[Protein]) -> list[Floats]:
        """Scores of every protein, [L, C] or [C], before calibration."""
        if not isinstance(self.model, Model):
            return self.model.scores([protein.sequence for protein in proteins])
        config, graphs = self.model.config, self.graphs(proteins)
        rows = scores(self.model, graphs)
        if config.level == "protein":
            return rows
        return [
            spread(protein, graph.residue.numpy(), own)
            for protein, graph, own in zip(proteins, graphs, rows, strict=True)
        ]

    def _score(self, proteins: Sequence[Protein]) -> list[Prediction]:
        calibration = self.model.config.calibration
        both = zip(self._rows(proteins), proteins, strict=True)
        return [self._said(applied(calibration, own), protein) for own, protein in both]

    def _said(self, scores: Floats, protein: Protein, partner: Protein | None = None) -> Prediction:
        config = self.model.config
        return Prediction(
            task=config.task,
            level=config.level,
            outputs=config.outputs,
            scores=scores,
            protein=protein,
            model=self.name,
            encoder=self.encoder,
            thresholds=config.thresholds,
            given=config.given,
            scale=self.scale,
            expected=config.expected,
            partner=partner,
        )
