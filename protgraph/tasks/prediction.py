"""What a model says of one protein or of a pair, and the ways to write it down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from protgraph.structure import write
from protgraph.structure.protein import Protein
from protgraph.tasks import text
from protgraph.tasks.page import page

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

FORMATS = ("tsv", "json", "pdb", "html")
"""What `Prediction.write` can write; each is also the suffix of the file."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores of a protein, or of a pair, with their names and the condition under which they hold.

    Parameters
    ----------
    task : str
        Name of the task, such as "zinc-site".
    level : str
        "residue", "protein" or "pair": what one row of scores belongs to.
    outputs : tuple of str
        Names of the C outputs, each one once.
    scores : ndarray of float, shape [L, C] or [C]
        By residue, or for the whole protein or pair; larger is more. NaN is allowed only for
        residues that are not in the structure, where a model that reads structure has nothing to
        say.
    protein : Protein
        The protein of L residues that was scored.
    model, encoder : str
        What gave the scores.
    thresholds : tuple of float
        One an output: a score that reaches it is called. Empty when nothing is called.
    given : str
        The condition under which scores hold, such as "the chain binds zinc"; "" for none.
    scale : str
        What the scores are, such as "probabilities, calibrated on validation"; "" where nothing
        is to be said.
    expected : mapping
        Output, or "all outputs", -> {"precision": [value, low, high], "recall": the same} of calls
        at the threshold, with 95 % intervals by family; {"unknown": reason} where there are none.
    partner : Protein, optional
        The other protein of a pair, which has no first and second: what is said of it with
        `protein` is said of `protein` with it.

    Raises
    ------
    ValueError
        Where a rule above is broken; the message names the protein, the rule and the value.

    Examples
    --------
    >>> atoms = np.zeros((2, 4, 3))
    >>> made = Prediction("zinc-site", "residue", ("zinc",), [[0.25], [0.75]],
    ...                   Protein("demo", "AH", atoms), "shells", "none", (0.5,))
    >>> made.calls.tolist()
    [[False], [True]]
    >>> print(made.tsv())
    # task: zinc-site
    # model: shells
    # encoder: none
    # thresholds: zinc 0.5
    protein	chain	position	index	letter	observed	zinc_score	zinc_call
    demo		1	0	A	1	0.25	0
    demo		2	1	H	1	0.75	1
    <BLANKLINE>
    """

    task: str
    level: str
    outputs: tuple[str, ...]
    scores: Floats = field(repr=False)
    protein: Protein
    model: str
    encoder: str
    thresholds: tuple[float, ...] = ()
    given: str = ""
    scale: str = ""
    expected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    partner: Protein | None = None

    def __post_init__(self) -> None:
        name = self.name
        object.__setattr__(self, "outputs", tuple(self.outputs))
        object.__setattr__(self, "thresholds", tuple(map(float, self.thresholds)))
        if self.level not in ("residue", "protein", "pair"):
            raise ValueError(f"{name}: level is residue, protein or pair, got {self.level!r}.")
        if (self.partner is not None) != (self.level == "pair"):
            got = "no partner" if self.partner is None else "a partner"
            raise ValueError(
                f"{name}: a pair alone has a partner, got {got} at the {self.level} level."
            )
        if not self.task:
            raise ValueError(f"{name}: a prediction belongs to a named task, got an empty name.")
        if not self.outputs or "" in self.outputs or len(set(self.outputs)) < len(self.outputs):
            raise ValueError(
                f"{name}: outputs are one or more different names, got {list(self.outputs)}."
            )
        if self.thresholds and len(self.thresholds) != len(self.outputs):
            raise ValueError(
                f"{name}: thresholds are one an output or none, "
                f"got {len(self.thresholds)} for {len(self.outputs)} outputs."
            )
        if not np.isfinite(self.thresholds).all():
            raise ValueError(f"{name}: thresholds are finite, got {list(self.thresholds)}.")
        self._keep_scores()

    def _keep_scores(self) -> None:
        name, length, width = self.name, len(self.protein), len(self.outputs)
        scores = np.array(self.scores, dtype=np.float32)
        residues = self.level == "residue"
        shape = (length, width) if residues else (width,)
        if scores.shape != shape:
            of = f"{length} residues and {width} outputs" if residues else f"{width} outputs"
            raise ValueError(
                f"{name}: scores have shape {list(scores.shape)}, "
                f"but the {self.level} level with {of} needs {list(shape)}."
            )
        if np.isinf(scores).any():
            raise ValueError(f"{name}: scores are finite or NaN, got an infinite one.")
        missing = np.isnan(scores) & (self.protein.observed[:, None] if residues else True)
        if missing.any():
            at = int(np.argwhere(missing)[0][0])
            what = f"residue {self.protein.numbering[at]}" if residues else self.outputs[at]
            raise ValueError(f"{name}: only unobserved residues have no score, got NaN for {what}.")
        scores.flags.writeable = False
        object.__setattr__(self, "scores", scores)

    @property
    def name(self) -> str:
        """What the scores are of, for messages: the protein's name, or both partners'."""
        own = self.protein.name
        return own if self.partner is None else f"{own} and {self.partner.name}"

    @property
    def calls(self) -> Bools | None:
        """Scores that reach their threshold (NaN never does), or None without thresholds."""
        if not self.thresholds:
            return None
        return self.scores >= np.asarray(self.thresholds, dtype=np.float32)

    def tsv(self) -> str:
        """Write a table: what was asked in lines with `#`, one header row, then the scores.

        Returns
        -------
        table : str
            A row a residue (`position` is the author's number, `index` counts from 0 in the full
            sequence), a row an output, or one row for a pair. Scores have 6 significant digits
            and are empty where there is none, as are their calls.
        """
        return text.table(self)

    def json(self) -> str:
        """Write one strict JSON object; null where there is no score.

        Returns
        -------
        text : str
            `scores`, `thresholds` and, with thresholds, `calls` are keyed by output, `expected`
            by output or "all outputs". At the residue level each output has a list of L, beside
            `sequence`, `numbering` and `observed`; a pair has `protein_a` and `protein_b`.
        """
        return text.strict(self)

    def pdb(self, output: str | None = None) -> str:
        """Write what is observed of the backbone, with 100 times the scores in the B-factor.

        REMARK 999 says what was asked, and what the B-factor is.

        Parameters
        ----------
        output : str, optional
            Whose scores; those of the first output if left out.

        Raises
        ------
        ValueError
            For scores of a whole protein or a pair, a protein without structure, an unknown
            output, or scores that are not from 0 to 1.
        """
        name = self.name
        chosen = self.outputs[0] if output is None else output
        if self.level != "residue":
            raise ValueError(f"{name}: pdb needs scores by residue, got the {self.level} level.")
        if not self.protein.observed.any():
            raise ValueError(f"{name}: pdb needs a structure, but no residue is observed.")
        if chosen not in self.outputs:
            raise ValueError(f"{name}: pdb knows the outputs {list(self.outputs)}, got {chosen!r}.")
        scores = self.scores[:, self.outputs.index(chosen)]
        low, high = np.nanmin(scores), np.nanmax(scores)
        if low < 0 or high > 1:
            raise ValueError(f"{name}: pdb writes scores from 0 to 1, got {low:g} to {high:g}.")
        return write.pdb(
            self.protein,
            bfactor=100 * scores,
            remarks=(*text.asked(self), f"B-factor: 100 times the score of {chosen}, 0 for none"),
        )

    def html(self) -> str:
        """Write one page that works offline, as `protgraph.tasks.page.page` describes it.

        Raises
        ------
        ValueError
            For a pair.
        """
        if self.partner is not None:
            raise ValueError(f"{self.name}: html shows one protein, got the pair level.")
        return page(self)

    def path(self, folder: Path | str, format: str) -> Path:
        """Say which file `write` would write.

        Returns
        -------
        path : Path
            `<protein>[_<chain>].<task>.<format>`, of a pair `<protein>--<partner>...`: the chain is
            left out when the name already ends with it, and what is unsafe in a file name becomes
            "_".

        Examples
        --------
        >>> Prediction("demo", "protein", ("fit",), [1.0],
        ...            Protein("a/b", "M", np.zeros((1, 4, 3)), chain="B"), "none",
        ...            "none").path("out", "tsv").as_posix()
        'out/a_b_B.demo.tsv'
        """
        partner = "" if self.partner is None else f"--{self.partner.identifier}"
        stem = f"{self.protein.identifier}{partner}.{self.task}"
        stem = re.sub(r"[^\w.+-]|^\.", "_", stem)
        return Path(folder) / f"{stem}.{format}"

    def write(self, folder: Path | str, format: str) -> Path:
        """Write a file that is there whole or not at all, replacing one of the same name.

        Parameters
        ----------
        folder : Path
            Made if it is not there.
        format : str
            One of `FORMATS`.

        Returns
        -------
        path : Path
            See `path`.

        Raises
        ------
        ValueError
            For an unknown format, or a folder that cannot be written.
        """
        if format not in FORMATS:
            raise ValueError(f"{self.name}: a prediction is written as {FORMATS}, got {format!r}.")
        content: str = getattr(self, format)()
        path = self.path(folder, format)
        partial = path.parent / f".{uuid4().hex}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_text(content, encoding="utf-8", newline="\n")
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise ValueError(f"{self.name}: {path} cannot be written: {error.strerror}.") from error
        return path
