"""What a teacher says of proteins, computed once and kept on disk: a student's lessons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric.data import Batch

from protgraph.data.batch import batches
from protgraph.distilling.heard import heard
from protgraph.graph import cache
from protgraph.language.storage import within
from protgraph.language.store import Store
from protgraph.models.model import SEQUENCE, Model
from protgraph.predict import BUDGET, Predictor, spread
from protgraph.structure.protein import Floats, Protein

VERSION = 1
"""Of what is kept: another version is another key, so nothing old is misread."""

STORAGE = {"vectors": "fp16", "pooled": "fp16", "logits": "fp32"}
"""What is kept of a protein, and in which precision; what is last is written last."""

_AFTER = ("calibration", "thresholds", "expected", "card")
"""What is settled after training, and changes no score before its calibration."""


class Output(NamedTuple):
    """What a teacher says of one protein of L residues.

    Parameters
    ----------
    logits : ndarray of float32, shape [L, C], or [C] at protein level
        Before sigmoid or softmax and before any calibration, or quantities. NaN where the teacher
        says nothing: a model of structures of residues that were not observed.
    vectors : ndarray of float32, shape [L, D]
        What the encoder makes of each residue, language vectors and structure fused; NaN likewise.
    pooled : ndarray of float32, shape [2 D], or [D] at residue level
        What the head of a protein pools; at residue level the mean of the vectors.
    weight : ndarray of float32, shape [L]
        How far the teacher is to be trusted: pLDDT / 100 of a predicted structure, 1 for an
        experiment and for a teacher that looks at no structure, 0 where it says nothing.
    """

    logits: Floats
    vectors: Floats
    pooled: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs on disk, by the places of the proteins; made by `outputs`.

    Parameters
    ----------
    teachers : tuple of Model
        `logits` are `voted` by all; vectors and pooled vectors are the first one's, for those of
        networks that were trained apart have no common axes.
    proteins : tuple of Protein
    store : Store
    keys : tuple of tuple of dict
        Protein, teacher, what is kept -> key in the store.
    """

    teachers: tuple[Model, ...] = field(repr=False)
    proteins: tuple[Protein, ...] = field(repr=False)
    store: Store = field(repr=False)
    keys: tuple[tuple[dict[str, str], ...], ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.proteins)

    def __getitem__(self, place: int) -> Output:
        protein, keys, first = self.proteins[place], self.keys[place], self.teachers[0]
        said = [self.store.get(own["logits"]) for own in keys]
        if first.config.level == "residue":
            both = zip(self.teachers, said, strict=True)
            said = [spread(protein, _nodes(model, protein), rows) for model, rows in both]
        nodes = _nodes(first, protein)
        return Output(
            logits=voted(first, torch.from_numpy(np.stack(said))).numpy(),
            vectors=spread(protein, nodes, self.store.get(keys[0]["vectors"])),
            pooled=self.store.get(keys[0]["pooled"]),
            weight=_trust(first, protein, nodes),
        )


def outputs(
    teachers: Sequence[Predictor], proteins: Sequence[Protein], *, folder: str | Path
) -> Outputs:
    """Ask teachers of proteins; what the folder has is read, the rest is computed and kept.

    Parameters
    ----------
    teachers : sequence of Predictor
        One, or several that answer the same question.
    proteins : sequence of Protein
    folder : str or Path
        A vector store (`language.store`). An answer is found again by the teacher's weights and
        configuration and by the protein's sequence, coordinates, numbering and confidence; names
        do not count. Killed at any moment, it is whole: asked again it goes on, and ends with the
        bytes it would have had. Where another process is writing to it, it is waited for, and what
        that one has computed is not computed again.

    Raises
    ------
    ValueError
        Where there is no teacher, one is a student or scores pairs, two answer different
        questions, a teacher looks at structures and a protein has none, or a vector is too large
        for fp16.
    """
    models = _agreed(teachers)
    names = [digest(model) for model in models]
    keys = tuple(
        tuple(_keys(protein, name, first=not k) for k, name in enumerate(names))
        for protein in proteins
    )
    store = Store(folder)
    if not all(key in store for own in keys for kinds in own for key in kinds.values()):
        with store.writing(wait=True):
            _fill(store, teachers, proteins, keys)
    return Outputs(models, tuple(proteins), store, keys)


def digest(model: Model) -> str:
    """Hash the weights of a model and all of its configuration that decides its raw scores.

    Examples
    --------
    >>> from protgraph.models.model import Config
    >>> model = Model(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=5))
    >>> before, _ = digest(model), model.head.out.bias.data.add_(1)
    >>> len(before), digest(model) == before
    (32, False)
    """
    config = {key: value for key, value in asdict(model.config).items() if key not in _AFTER}
    made = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, weight in sorted(model.state_dict().items()):
        made.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        made.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return made.hexdigest()[:32]


def voted(model: Model, logits: Tensor) -> Tensor:
    """Logits of the mean of several teachers' probabilities; of quantities their mean.

    Parameters
    ----------
    model : Model
        Says whether outputs exclude each other or are quantities.
    logits : Tensor of shape [K, ..., C]
        A NaN of one teacher is a NaN of all.

    Returns
    -------
    logits : Tensor of shape [..., C]
        Up to a constant where outputs exclude each other.

    Notes
    -----
    The mean of probabilities (Lakshminarayanan et al., NeurIPS 2017) and not of logits: in it one
    overconfident teacher of K moves a probability by 1/K at most, and where teachers disagree the
    student learns that nobody knows. Taken in logarithms, so that certainty stays finite.

    Examples
    --------
    >>> from protgraph.models.model import Config
    >>> model = Model(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=5))
    >>> voted(model, torch.tensor([[40.0], [-1.0], [-1.0]])).sigmoid()  # (1 + .27 + .27) / 3
    tensor([0.5126])
    """
    if model.config.value:
        return logits.mean(dim=0)
    if model.config.exclusive:
        return logits.log_softmax(dim=-1).logsumexp(dim=0)
    log = functional.logsigmoid
    return log(logits).logsumexp(dim=0) - log(-logits).logsumexp(dim=0)


def _agreed(teachers: Sequence[Predictor]) -> tuple[Model, ...]:
    """Models of the teachers; those that cannot teach together are refused."""
    if not teachers:
        raise ValueError("One teacher at least is needed, got none.")
    models, asked = [], []
    for teacher in teachers:
        model, c = teacher.model, teacher.model.config
        if not isinstance(model, Model) or c.level == "pair":
            kind = "of pairs" if isinstance(model, Model) else "that is a student"
            raise ValueError(
                f"{teacher.name}: a teacher is a model of residues or proteins, got one {kind}."
            )
        models.append(model)
        asked.append((c.level, c.outputs, c.exclusive, c.value))
        if asked[-1] != asked[0]:
            raise ValueError(
                f"Teachers answer one question, but {teachers[0].name} is asked for a "
                f"{asked[0][0]}'s {', '.join(asked[0][1])} and {teacher.name} for a "
                f"{c.level}'s {', '.join(c.outputs)}."
            )
    return tuple(models)


def _keys(protein: Protein, teacher: str, *, first: bool) -> dict[str, str]:
    kinds = STORAGE if first else ("logits",)
    facts = {"teacher": teacher, "version": VERSION}
    return {kind: cache.key(protein, {**facts, "kept": kind}) for kind in kinds}


def _fill(
    store: Store,
    teachers: Sequence[Predictor],
    proteins: Sequence[Protein],
    keys: Sequence[Sequence[dict[str, str]]],
) -> None:
    """Compute what a store lacks, batch by batch; batches are those of all proteins, always."""
    dealt = batches([len(protein) for protein in proteins], BUDGET)
    for k, teacher in enumerate(teachers):
        for batch in dealt:
            missing = [i for i in batch if any(key not in store for key in keys[i][k].values())]
            if missing:
                said = _said(teacher, [proteins[i] for i in missing])
                for kind in keys[missing[0]][k]:
                    for i, rows in zip(missing, said[kind], strict=True):
                        within(proteins[i].name, rows, STORAGE[kind])
                    made = {
                        keys[i][k][kind]: rows for i, rows in zip(missing, said[kind], strict=True)
                    }
                    store.add(made, storage=STORAGE[kind])


@torch.inference_mode()
def _said(teacher: Predictor, proteins: Sequence[Protein]) -> dict[str, list[Floats]]:
    """Answers of one batch: what is kept -> one array a protein, of nodes where of residues."""
    graphs = teacher.graphs(proteins)
    model = teacher.model.eval()
    data = Batch.from_data_list(graphs)
    logits, h, pooled = heard(model, data)
    ends = np.cumsum([len(graph.residue) for graph in graphs])[:-1]
    by_residue = model.config.level == "residue"
    return {
        "vectors": np.split(h.float().numpy(), ends),
        "pooled": list(pooled.float().numpy()),
        "logits": np.split(logits.numpy(), ends) if by_residue else list(logits.numpy()),
    }


def _nodes(model: Model, protein: Protein) -> npt.NDArray[np.int64]:
    """Residues that a model says something of: all, or those that were observed."""
    return np.arange(len(protein)) if model.config.encoder in SEQUENCE else protein.index


def _trust(model: Model, protein: Protein, nodes: npt.NDArray[np.int64]) -> Floats:
    weight = np.zeros(len(protein), dtype=np.float32)
    weight[nodes] = 1
    if protein.confidence is not None and model.config.encoder not in SEQUENCE:
        weight[nodes] = np.nan_to_num(protein.confidence[nodes] / 100)
    return weight
