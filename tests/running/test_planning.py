"""From a recipe to a plan, and the verb that prints it."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from protgraph.cli import main, parser
from protgraph.language.shapes import ESM2
from protgraph.recipe import configs, load
from protgraph.running.planning import planned, work_of
from protgraph.train import scaling
from protgraph.train.machine import Machine

MACHINE = ["--gpus", "2", "--memory", "80"]


def test_a_recipe_of_pretraining_is_planned_as_it_trains():
    recipe, _ = load("pretrain/mini_gpu", ["pretrain.crop_late=512", "pretrain.crop=768"])
    work = work_of(recipe)
    assert (work.shape.width, work.shape.layers, work.shape.heads) == (320, 6, 20)
    assert (work.batch, work.longest, work.muon) == (131_072, 768, True)
    assert scaling.parameters(work.shape) == scaling.parameters(ESM2["esm2_t6_8M_UR50D"])


def test_every_recipe_with_a_published_encoder_is_planned():
    found = set()
    for name in configs():
        recipe, _ = load(name, ["recompute=true"])
        if "esm2" in recipe.get("vectors.encoder", ""):
            work = work_of(recipe)
            assert (work.batch, work.longest) == (recipe["data.batch"], 1024)
            assert (work.muon, work.recompute) == (False, True)
            found.add(work.shape)
    assert found == {ESM2["esm2_t12_35M_UR50D"], ESM2["esm2_t33_650M_UR50D"]}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (["zinc_site/egnn"], "zinc_site/egnn: A plan needs an encoder"),
        (["zinc_site/egnn", "vectors.encoder=onehot"], "onehot is no published ESM-2"),
        (["pretrain/mini", "pretrain.precision=fp32"], "for bf16, but pretrain.precision is fp32"),
        (
            ["pretrain/mini", "engine=deepspeed", "zero=1", "offload=true"],
            "optimiser states on the GPU, but offload is true",
        ),
        (["pretrain/mini", "--price", "-1"], "price of a GPU hour is 0 or more, got -1.0"),
        (["pretrain/mini", "--node", "0"], "A machine's node cannot be 0"),
        (["pretrain/minni"], "Did you mean pretrain/mini?"),
        (["zinc_site/esm2_650m", "data.batch=1000"], "gives each of 2 GPUs 500"),
    ],
)
def test_what_cannot_be_planned_is_one_line(config, says, capsys):
    assert main(["plan", *config, *MACHINE]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_the_verb_has_the_defaults_of_a_machine():
    args = parser().parse_args(["plan", "pretrain/mini", *MACHINE])
    machine = Machine(2, 80)
    for field in fields(Machine):
        assert getattr(args, field.name) == getattr(machine, field.name)


def test_every_flag_reaches_the_plan(capsys):
    flags = {
        "node": 4, "peak": 312.0, "utilisation": 0.3, "inside": 200.0, "across": 20.0,
        "overlap": 0.25, "reserve": 0.2,
    }  # fmt: skip
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    gpus = ["--gpus", "8", "--memory", "40", "--json"]
    assert (
        main(["plan", "pretrain/mini_gpu", "pretrain.width=640", "recompute=true", *gpus, *words])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["machine"] == {"gpus": 8, "memory": 40.0, **flags}
    assert found["work"]["recompute"] is True
    assert found["work"]["shape"]["width"] == 640
    assert "price" not in found["chosen"]


def test_json_and_tables_say_the_same(capsys):
    words = ["plan", "zinc_site/esm2_650m", "data.batch=8192", *MACHINE, "--price", "2"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(words) == 0
    text = capsys.readouterr().out
    assert found["recipe"] == "zinc_site/esm2_650m"
    assert f"{found['work']['parameters']:,} parameters" in text
    chosen = found["chosen"]
    assert chosen == found["stages"][chosen["stage"]]
    assert f"**Stage {chosen['stage']}, micro-batch {chosen['micro']:,} tokens" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(rows) == 8
    for stage, room, times in zip(found["stages"], rows[:4], rows[4:], strict=True):
        assert f" {stage['memory']['peak'] / 1e9:.1f} | yes |" in room
        assert f" {stage['times']['step']:.3f} | {stage['tokens']:,.0f} | " in times
        assert times.endswith(f"| {stage['price']:.2f} |")


def test_a_stage_that_does_not_fit_has_a_row_of_memory_and_none_of_time():
    recipe, name = load("zinc_site/esm2_650m", ["data.batch=65536"])
    found = planned(recipe, Machine(8, 8), name=name)
    assert found.chosen.stage == 2
    assert found.stages[:2] == (None, None)
    assert found.json()["stages"][:2] == [None, None]
    text = found.markdown()
    assert text.count(" no |") == 2
    assert text.count("\n| 0 |") == text.count("\n| 1 |") == 1
    assert text.count("\n| 2 |") == text.count("\n| 3 |") == 2
