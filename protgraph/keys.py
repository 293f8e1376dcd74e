"""The keys of a recipe: what each means, its default, and what it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ENGINE: dict[str, Any] = {
    # Who takes the steps: "torch" or "deepspeed" (`train.engine`).
    "engine": "torch",
    # What DeepSpeed cuts over the ranks: 0 nothing, 1 what the optimizer remembers, 2 gradients
    # too, 3 weights too.
    "zero": 0,
    # Processes that train together, started on this machine; a launcher's own number goes with 1.
    "ranks": 1,
    # What the optimizer remembers lies in the memory of the CPU (DeepSpeed).
    "offload": False,
    # Activations inside layers are computed again in the backward pass instead of kept.
    "recompute": False,
    # A DeepSpeed JSON of your own; what contradicts the recipe is refused.
    "deepspeed": "",
}
"""Keys of every recipe that change no number, so that a run goes on under any of them: they count
in no digest."""

DEFAULTS: dict[str, Any] = {
    **ENGINE,
    "task": "",
    "seed": 0,
    # Your own table (`protgraph.data.table`), its label columns, and the proteins of its pairs; the
    # task is then a name of your choice.
    "data.table": "",
    "data.labels": ("label",),
    "data.proteins": "",
    # Read numbering gaps as X (`protgraph.read`).
    "data.gaps": True,
    # Structures: "observed", or "fold" for ESMFold's predictions from the full sequences.
    "data.structure": "observed",
    # Folder or hub id of the ESMFold that folds.
    "data.fold": "facebook/esmfold_v1",
    # Permute the letters of every protein: the control for "does the sequence matter".
    "data.shuffle": False,
    # Residues a batch; of the encoder "gin" pairs a batch.
    "data.batch": 4000,
    "model.encoder": "egnn",
    "model.width": 64,
    # 0 for "gin" alone: the network without its neighbours.
    "model.layers": 3,
    "model.dropout": 0.2,
    # Mix the scores of proteins with the votes of their nearest training proteins.
    "model.fused": False,
    # A language encoder by name, folder or hub id, "" for none; and its layer.
    "vectors.encoder": "",
    "vectors.layer": -1,
    # Share of the training proteins whose side chains are hidden in an epoch, so that backbone-only
    # input is no surprise.
    "train.drop_side": 0.0,
    # Weight of a rare class: (frequent / rare) to this power; 0 counts all alike.
    "train.balance": 0.0,
    # Which pairs are edges for "gin": "train", those of the training side (a protein that is new to
    # it has none), or "all": that the others exist is known, their labels are not.
    "network.edges": "train",
    # The network of a student (`protgraph distill`), "" for none: "cnn", "transformer", or "layers"
    # for the first ones of a language encoder, all of which read letters; or "graph", for the one
    # that the keys of model, graph and vectors describe. Its dropout is `model.dropout`.
    "student.kind": "",
    # Of "layers" the width is the encoder's.
    "student.width": 64,
    "student.layers": 4,
    # Residues that a convolution looks at (cnn).
    "student.kernel": 5,
    # Of attention (transformer), and relations for `distil.attention`.
    "student.heads": 4,
    # Whose first layers (layers), and the rank of their adaptation; 0 trains every weight.
    "student.encoder": "",
    "student.rank": 0,
    # Recipes, each trained at the seeds 0, 1, ... as "zinc_site/egnn" or "zinc_site/egnn
    # train.epochs=9", or models by name or folder. What they say is averaged.
    "distil.teachers": (),
    "distil.seeds": 1,
    # Proteins without labels: "structures", a path, or "" for none; and how many, 0 for all.
    "distil.pool": "",
    "distil.size": 0,
    # Leave out relatives by sequence even where the data says which families there are.
    "distil.strict": False,
    # Of what has no label, outputs are taught whose highest score by the teacher reaches this; of
    # proteins a sure no counts like a sure yes (`lessons.sure`).
    "distil.least": 0.0,
    # Weights of the terms (`train.distill`, `train.hints`, `train.contacts`). "attention" compares
    # the values of the student's last block with the teacher's vectors, cut into as many heads: a
    # network of graphs has no attention of its own.
    "distil.hard": 1.0,
    "distil.soft": 1.0,
    "distil.temperature": 2.0,
    "distil.align": 0.0,
    "distil.relation": 0.0,
    "distil.attention": 0.0,
    "distil.contacts": 0.0,
}

EMBEDDING: dict[str, Any] = {
    **ENGINE,
    "task": "",
    "seed": 0,
    # Proteins to learn from: a sequence file, a table (.tsv, .csv) with a column `sequence`, a
    # folder or archive of structures; "" for the pretraining set.
    "data.proteins": "",
    # How many, the first by the hash of their letters; 0 for all.
    "data.size": 0,
    # Share that is kept apart in whole families: half of it chooses the epoch, half is reported on.
    "data.held": 0.1,
    # Residues a batch.
    "data.batch": 4000,
    # The student: "transformer", "cnn", or "layers" for the first ones of a language encoder.
    "student.kind": "transformer",
    # Of "layers" the width is the encoder's.
    "student.width": 256,
    "student.layers": 6,
    # Residues that a convolution looks at (cnn).
    "student.kernel": 5,
    # Of attention (transformer).
    "student.heads": 4,
    # Whose first layers (layers).
    "student.encoder": "",
    # Language encoders, each a name, a folder or a hub id (`protgraph.encoder`); the last layer
    # teaches. What they compute in, and where.
    "distil.teachers": (),
    "distil.precision": "fp32",
    "distil.device": "cpu",
    # Weights of the terms: residues by cosine, proteins of a batch by their distances.
    "distil.align": 1.0,
    "distil.relation": 0.0,
}
"""Keys of a recipe that distils language encoders into a smaller one, and their defaults; `train`
is as elsewhere."""

LATER = (
    "network.edges",
    *(key for key in DEFAULTS if key.partition(".")[0] in ("student", "distil")),
)
"""Keys that count in a digest only where they are not the default: what was kept before there were
such keys is found again."""

_TERMS = ("hard", "soft", "align", "relation", "attention", "contacts")

RULES: dict[str, Callable[[Any], bool]] = {
    "ranks": lambda value: value >= 1,
    "data.structure": lambda value: value in ("observed", "fold"),
    "data.batch": lambda value: value >= 1,
    "data.size": lambda value: value >= 0,
    "data.held": lambda value: 0 < value <= 0.5,
    "model.width": lambda value: value >= 1,
    "model.layers": lambda value: value >= 0,
    "model.dropout": lambda value: 0 <= value < 1,
    "train.drop_side": lambda value: 0 <= value <= 1,
    "train.balance": lambda value: value >= 0,
    "network.edges": lambda value: value in ("train", "all"),
    "student.kind": lambda value: value in ("", "cnn", "transformer", "layers", "graph"),
    "distil.seeds": lambda value: value >= 1,
    # Of int8 neither weights nor products are told, and it is slower than bf16.
    "distil.precision": lambda value: value in ("fp32", "bf16"),
    "distil.size": lambda value: value >= 0,
    "distil.least": lambda value: 0 <= value < 1,
    "distil.temperature": lambda value: value > 0,
    **{f"distil.{term}": lambda value: value >= 0 for term in _TERMS},
}
"""Key -> whether a value can be."""
