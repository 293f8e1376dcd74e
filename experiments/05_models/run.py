"""Build the models inside the package anew.

    PROTGRAPH_DATA=... python experiments/05_models/run.py [NAME ...] [--folder runs/05]

Each is what its recipe gives at seed 0, the first of the five that the experiments average, and
replaces `protgraph/models/shipped/NAME` whole. What is found trained in `--folder` is taken.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protgraph import recipe
from protgraph.distilling import distil
from protgraph.distilling.tuition import gathered
from protgraph.insight.report import table
from protgraph.models.saved import load
from protgraph.models.student import Student
from protgraph.running.cells import kept
from protgraph.running.run import place_of

SHIPPED = Path(__file__).parents[2] / "protgraph" / "models" / "shipped"
SITES = (
    "Residues of PDB chains with site labels of GPSite (MIT), split by MMseqs2 family (30 % "
    "identity, half covered); coordinates from the PDB (CC0)."
)


@dataclass(frozen=True)
class Shipped:
    """A model inside the package: its recipe, and what its card says in words."""

    config: str
    what: str
    data: str
    against: str


MODELS = {
    "zinc-site": Shipped(
        "zinc_site/egnn",
        "Scores every residue of a protein structure for binding a zinc ion.",
        SITES,
        "chains that bind no zinc: it says where they would. Other metals. Sites between chains, "
        "which are seen half.",
    ),
    "zinc-site-seq": Shipped(
        "zinc_site/student",
        "Scores every residue of a sequence for binding a zinc ion; taught by graph networks that "
        "saw structures.",
        SITES + " Besides, chains without zinc labels on which the teachers were sure; none is of "
        "a family in validation or test.",
        "anything of which there is a structure: `zinc-site` is better there. Chains that bind no "
        "zinc.",
    ),
    "ligand-sites": Shipped(
        "ligand_sites/egnn",
        "Scores every residue of a protein structure for binding each of ten ligands.",
        SITES,
        "ligands with few chains (all but zinc, calcium, magnesium and peptides have fewer than 20 "
        "in the test), and chains that do not bind the ligand.",
    ),
    "ligand-sites-seq": Shipped(
        "ligand_sites/student",
        "Scores every residue of a sequence for binding each of ten ligands; taught by graph "
        "networks that saw structures.",
        SITES + " Besides, chains without labels on which the teachers were sure; none is of a "
        "family in validation or test.",
        "anything of which there is a structure: `ligand-sites` is better there.",
    ),
    "enzyme-class": Shipped(
        "enzyme_class/composition",
        "Tells a chain's class, no enzyme or the first EC number 1 to 3, from how often it has "
        "each amino acid, and from its length.",
        "Classes of 484 training chains, split by MMseqs2 family; labels of DeepFRI (BSD-3).",
        "a claim about one protein. No network of ours beats it: not on contact graphs, not on "
        "letters in order.",
    ),
}


def build(name: str, folder: Path) -> None:
    """Train a model, or take the one that the folder has, and put it into the package."""
    own = MODELS[name]
    settings, called = recipe.load(own.config, ["seed=0"])
    if settings["student.kind"]:
        course = gathered(settings, called, folder, say=print)
        made = Path(distil.model_of(distil.student(course, log=tell)))
    else:
        kept(settings, called, folder)
        made = place_of(settings, called, folder) / "model"
    place, beside = SHIPPED / name, SHIPPED / f".{name}.part"
    shutil.rmtree(beside, ignore_errors=True)
    model = load(made)
    if isinstance(model, Student):
        model.config.licence = "mit"
        model.save_pretrained(beside)
        (beside / "README.md").unlink()
    else:
        model.save(beside)
    (beside / "card.md").write_text(card(name, own, load(beside).config))
    shutil.rmtree(place, ignore_errors=True)
    beside.rename(place)
    print(f"{name}: {place}")


def tell(epoch: int, row: Any) -> None:
    """Tell how far it is."""
    print(epoch, dict(row), flush=True)


def card(name: str, own: Shipped, config: Any) -> str:
    """Write the card."""
    told = config.card
    lines = [{"side": side, **told[side]} for side in ("valid", "test")]
    keys = [key for key in lines[1] if all(key in line for line in lines)]
    low, high = told["interval"]
    given = f" Scores hold *given that {config.given}*." if config.given else ""
    scale = (
        "They are probabilities, calibrated on validation."
        if config.calibration
        else f"They are no calibrated probabilities: {told.get('not calibrated', 'not asked')}."
    )
    return (
        f"# {name}\n\n{own.what}{given} {scale}\n\n"
        f"- **Recipe**: `{own.config}`, seed 0 of five, not picked among them.\n"
        f"- **Data**: {own.data}\n"
        f"- **Not for**: {own.against}\n"
        f"- **Rebuild**: `PROTGRAPH_DATA=... python experiments/05_models/run.py {name}`.\n"
        "- **Licence**: MIT.\n\n"
        f"{table([{key: line[key] for key in keys} for line in lines])}\n\n"
        f"Interval of the test value by family: [{low:.3f}, {high:.3f}]. "
        "`tests/models/test_shipped.py` computes the scores anew from these weights.\n"
    )


def main() -> None:
    """Build what is asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path("runs/05"))
    args = parser.parse_args()
    unknown = set(args.names) - set(MODELS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; there are: {', '.join(MODELS)}")
    for name in args.names or MODELS:
        build(name, args.folder)


if __name__ == "__main__":
    main()
