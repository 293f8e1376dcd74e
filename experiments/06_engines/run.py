"""Is a run on two ranks of DeepSpeed, killed on the way, the run that one process makes?

    PROTGRAPH_DATA=... python experiments/06_engines/run.py [QUESTION ...] [--folder runs/06]

Runs the commands of README.md as anyone would, ends one of two ranks by SIGKILL after the first
checkpoint, runs the same command again, and registers what comes of it; then writes the tables and
plots. A question that was answered in `--folder` is not asked again, and teachers that lie in
`QUESTION/one` there are taken. Needs Linux.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from protgraph.insight.report import between, table

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "protgraph"]
TWO = ["engine=deepspeed", "zero=2", "ranks=2"]


@dataclass(frozen=True)
class Question:
    """A command, the pattern of its checkpoint's folder, and the number that it ends with."""

    words: tuple[str, ...]
    place: str
    end: str

    @property
    def command(self) -> str:
        """As one would type it, without the engine."""
        return " ".join(["protgraph", *self.words])


STUDENT = "zinc_site-student-student-*"
SHORT = ("pretrain.tokens=983040", "pretrain.every=5")
QUESTIONS = {
    "pretraining": Question(
        ("run", "configs/pretrain/mini.yaml", *SHORT), "pretrain-mini-*", "valid_perplexity"
    ),
    "distillation": Question(
        ("distill", "configs/zinc_site/student.yaml"), STUDENT, "test_auprc"
    ),
    "without dropout": Question(
        ("distill", "configs/zinc_site/student.yaml", "model.dropout=0"), STUDENT, "test_auprc"
    ),
}  # fmt: skip
"""60 steps of pretraining, so that two runs of it end on two cores within an hour."""


def say(*words: Any) -> None:
    """Tell how far it is."""
    print(*words, file=sys.stderr, flush=True)


class Told(NamedTuple):
    """Losses by step, and the last numbers, of a run."""

    losses: dict[int, float]
    metrics: dict[str, float]


def environment(folder: Path) -> dict[str, str]:
    """A run's environment: one thread a rank, as with two ranks on two cores; its own MLflow."""
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **own}


def ended(words: list[str], folder: Path) -> str:
    """Run a command to its end; return its run in MLflow."""
    command = [*COMMAND, *words, "--folder", str(folder), "--json"]
    done = subprocess.run(
        command, env=environment(folder), stdout=subprocess.PIPE, text=True, check=True
    )
    return str(json.loads(done.stdout.splitlines()[-1])["run"])


def killed(words: list[str], folder: Path, place: str) -> str:
    """Run a command until its first checkpoint, end rank 1 by SIGKILL; return its last words."""
    command = [*COMMAND, *words, "--folder", str(folder), "--json"]
    said = folder / "said.txt"
    with (
        said.open("w") as heard,
        subprocess.Popen(command, env=environment(folder), stderr=heard) as launcher,
    ):
        while not list(folder.glob(f"{place}/checkpoint.pt")):
            if launcher.poll() is not None:
                raise SystemExit(said.read_text())
            time.sleep(0.1)
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        (second,) = [int(child) for child in children if rank(child) == 1]
        os.kill(second, signal.SIGKILL)
        status = launcher.wait()
    if status != 2:
        raise SystemExit(f"A killed rank ends a run with status 2, got {status}: {said}")
    return said.read_text().splitlines()[-1]


def rank(process: str) -> int | None:
    """Which rank a process is, by its environment."""
    told = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(own[5:]) for own in told if own.startswith(b"RANK=")), None)


def told(folder: Path) -> list[Told]:
    """What runs that trained told MLflow, the first first."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs(
        [one.experiment_id for one in client.search_experiments()],
        order_by=["attributes.start_time ASC"],
    )
    found = [
        Told(
            {one.step: one.value for one in client.get_metric_history(run.info.run_id, "loss")},
            run.data.metrics,
        )
        for run in runs
    ]
    return [one for one in found if one.losses]  # a teacher that is kept as a run has none


def asked(name: str, folder: Path) -> dict[str, Any]:
    """Answer a question: one process, two ranks with a kill, the version that is registered."""
    own, one, two = QUESTIONS[name], folder / "one", folder / "two"
    words = list(own.words)
    if not (folder / "ended").is_file():
        say(name, "on one process")
        one.mkdir(parents=True, exist_ok=True)
        (folder / "ended").write_text(ended(words, one))
    shutil.rmtree(two, ignore_errors=True)
    two.mkdir()
    # The teachers are not what is asked about: both ways have the same.
    for teacher in one.glob("*-egnn-*"):
        shutil.copytree(teacher, two / teacher.name)
    say(name, "on two ranks, to be killed")
    say(killed([*words, *TWO], two, own.place))
    run = ended([*words, *TWO], two)
    model = name.replace(" ", "-")
    for last in (["register", run, model], ["promote", model, "1"]):
        subprocess.run([*COMMAND, *last], env=environment(two), check=True)
    return answer(own, one, two)


def answer(own: Question, one: Path, two: Path) -> dict[str, Any]:
    """What the runs of a question told MLflow."""
    alone, (broken, again) = told(one)[-1], told(two)
    return {
        "one": alone.losses, "broken": broken.losses, "two": again.losses,
        "end": [alone.metrics[own.end], again.metrics[own.end]],
    }  # fmt: skip


def answered(folder: Path) -> dict[str, dict[str, Any]]:
    """All answers that a folder keeps."""
    answers = {}
    for name in QUESTIONS:
        kept = folder / f"{name}.json"
        if kept.is_file():
            found = json.loads(kept.read_text())
            for part in ("one", "broken", "two"):
                found[part] = {int(step): loss for step, loss in found[part].items()}
            answers[name] = found
    return answers


def row(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a question found, in a line."""
    one, both = found["one"], {**found["broken"], **found["two"]}
    if one.keys() != both.keys():
        raise SystemExit(f"{name}: steps {sorted(one)} on one process, {sorted(both)} on two.")
    apart = max(abs(both[step] / loss - 1) for step, loss in one.items())
    alone, two = found["end"]
    end = QUESTIONS[name].end.replace("_", " ")
    return {
        "what": name, "losses": len(one), "after the kill": len(found["two"]),
        "largest difference of a loss": f"{apart:.1e}",
        "one process": f"{end} {alone:.4f}", "two ranks": f"{two:.4f}",
    }  # fmt: skip


def plotted(answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the losses of one process as lines and those of two ranks as dots."""
    figure = Figure(figsize=(4.0 * len(answers), 3.6), layout="constrained")
    for place, (name, found) in enumerate(answers.items()):
        axes = figure.add_subplot(1, len(answers), place + 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.plot(
            *zip(*sorted(found["one"].items()), strict=True), color="0.6", label="one process"
        )
        for part, colour, label in (
            ("broken", "C3", "two ranks, until the kill"), ("two", "C0", "two ranks, taken up"),
        ):  # fmt: skip
            points = sorted(found[part].items())
            axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=4, label=label)
        axes.set(xlabel="step" if name == "pretraining" else "epoch", ylabel="loss", title=name)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(HERE / "losses.png", dpi=150)


def main() -> None:
    """Ask what is not answered yet; write down all answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION")
    parser.add_argument("--folder", type=Path, default=Path("runs/06"))
    args = parser.parse_args()
    if unknown := set(args.questions) - QUESTIONS.keys():
        parser.error(f"a question is one of {', '.join(QUESTIONS)}, got {', '.join(unknown)}.")
    folder = args.folder.resolve()
    for name in args.questions or QUESTIONS:
        kept = folder / f"{name}.json"
        if not kept.is_file():
            (folder / name).mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(asked(name, folder / name)))
    answers = answered(folder)
    rows = [row(name, found) for name, found in answers.items()]
    with (HERE / "results.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "step", "one process", "two ranks", "taken up"])
        for name, found in answers.items():
            both = {**found["broken"], **found["two"]}
            for step, loss in sorted(found["one"].items()):
                writer.writerow([name, step, loss, both[step], step in found["two"]])
    plotted(answers)
    page = HERE / "README.md"
    commands = "\n".join(QUESTIONS[name].command for name in answers)
    parts = {"commands": f"```sh\n{commands}\n```", "losses": table(rows)}
    page.write_text(between(page.read_text(), parts))
    print(table(rows))


if __name__ == "__main__":
    main()
