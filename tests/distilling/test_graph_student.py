"""A student of graphs: smaller than its teachers, taught at its own nodes, by the same verb."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from protgraph import recipe, resolve
from protgraph.cli import main
from protgraph.data.dataset import Example
from protgraph.data.sets import SETS
from protgraph.data.sites import planted
from protgraph.distilling import contrast, distil, distilled, price, tuition
from protgraph.distilling.lessons import Course, lessons_of
from protgraph.distilling.nodes import bared, graphed
from protgraph.distilling.pupil import Pupil, loss_of
from protgraph.distilling.teach import Output, outputs
from protgraph.graph.edges import KINDS
from protgraph.models.model import Config, Model
from protgraph.predict import Predictor
from protgraph.running import cells
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auprc
from protgraph.train.distill import Weights

TEACHER = "planted_site/egnn train.epochs=2 model.width=16 model.layers=2 data.batch=400"
FEW = [
    f"distil.teachers=[{TEACHER}]", "train.epochs=2", "train.patience=2", "data.batch=400",
    "model.width=8",
]  # fmt: skip
HOLE = [3, 4, 5]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A folder of its own with MLflow in it, and a small set of planted sites."""
    folder = tmp_path_factory.mktemp("graph_student")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    patch.setitem(SETS, "planted-site", lambda *, gaps=True: planted(count=16))
    patch.setattr(cells, "_LOADED", {})
    patch.setattr("protgraph.distilling.distilled.sample", lambda proteins: proteins[:1])
    yield folder
    patch.undo()


def course_of(*words, name="planted_site/student_graph", folder="runs"):
    settings, name = recipe.load(name, [*FEW, *words])
    return tuition.gathered(settings, name, Path(folder))


@pytest.fixture(scope="module")
def facts(place):
    """What the command line printed as JSON."""
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr("builtins.print", lambda text, **_: said.append(text))
        assert main(["distill", "planted_site/student_graph", *FEW, "--json"]) == 0
    return json.loads(next(text for text in said if text.startswith("{")))


@pytest.fixture(scope="module")
def course(facts):
    return course_of()


def weights_of(cell):
    return resolve.load(distil.model_of(cell)).model.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def gapped(seed=1, length=60):
    """A protein whose residues 3, 4 and 5 were not observed."""
    whole = synthetic.protein(seed, length=length)
    parts = [np.array(part) for part in (whole.backbone, whole.side)]
    for part in parts:
        part[HOLE] = np.nan
    return Protein(whole.name, whole.sequence, *parts)


def network(encoder="gcn", *, task="planted-site", seed=0, width=8):
    """A small network for a task, and the task."""
    asked = TASKS[task].named(("one",))
    graph = {"nodes": ("identity",)}
    if encoder == "gcn":
        graph = {**graph, "edges": ("separation",), "radius": 8.0}
    torch.manual_seed(seed)
    made = Config(
        task, asked.level, asked.outputs, encoder, inputs=21, edges=int(encoder == "gcn"),
        kinds=len(KINDS), width=width, layers=2, dropout=0.0, graph=graph,
        exclusive=asked.exclusive, value=asked.value,
    )  # fmt: skip
    return Model(made).eval(), asked


def labelled(task, protein):
    """A label everywhere, also of what was not observed."""
    size = (len(protein), 1) if task.level == "residue" else (1,)
    y = np.random.default_rng(0).integers(0, 2, size).astype(np.float32)
    return Example(protein, y, "train", "a")


# What is taught


def test_a_student_has_the_rows_of_its_teacher_at_its_nodes():
    model, task = network()
    protein = gapped()
    count = len(protein)
    said = Output(
        logits=np.arange(count, dtype=np.float32)[:, None],
        vectors=np.repeat(np.arange(count, dtype=np.float32)[:, None], 6, axis=1),
        pooled=np.arange(6, dtype=np.float32),
        weight=np.linspace(0, 1, count, dtype=np.float32),
    )
    weights = Weights(align=1.0, relation=1.0)
    example = labelled(task, protein)
    whole = lessons_of(task, [example], [protein], outputs=[said] * 2, weights=weights)
    known, free = graphed(whole, model.config)
    nodes = [0, 1, 2, *range(6, count)]
    assert known.graph.residue.tolist() == nodes
    assert known.sequence == "".join(protein.sequence[i] for i in nodes)
    assert known.logits.flatten().tolist() == known.vectors[:, 5].tolist() == nodes
    assert torch.equal(known.trust, torch.from_numpy(said.weight)[nodes])
    assert torch.equal(known.pooled, torch.arange(6.0)[None])
    assert known.y.flatten().tolist() == example.y[nodes, 0].tolist()
    assert free.y.isnan().all()
    assert len(free.y) == len(nodes)
    made = Course([known, free], weights, 1, 2.0 * len(nodes), 0)
    assert made.items(task)["hard"] == len(nodes) / 2
    assert made.items(task)["soft"] == made.items(task)["align"] == len(nodes)


def test_a_student_of_letters_among_the_networks_keeps_every_row():
    model, task = network("cnn")
    example = labelled(task, gapped())
    (own,) = graphed(
        lessons_of(task, [example], [], outputs=None, weights=Weights(soft=0)), model.config
    )
    assert own.sequence == example.protein.sequence
    assert own.y[:, 0].isnan().nonzero().flatten().tolist() == HOLE


@pytest.mark.parametrize("name", ["planted-site", "enzyme-class", "stability"])
@pytest.mark.parametrize("encoder", ["gcn", "cnn"])
def test_a_student_that_is_its_teacher_loses_nothing(tmp_path, name, encoder):
    model, task = network(encoder, task=name)
    proteins = [gapped(), synthetic.protein(2, length=60)]
    said = outputs([Predictor(model, "teacher")], proteins, folder=tmp_path)
    weights = Weights(hard=0.0, align=1.0, relation=1.0)
    lessons = graphed(
        lessons_of(
            task, [labelled(task, proteins[0])], proteins[1:], outputs=said, weights=weights
        ),
        model.config,
    )
    pupil = Pupil(copy.deepcopy(model), lessons, weights)
    with torch.no_grad():
        pupil.project.weight.copy_(torch.eye(8))
        pupil.project.bias.zero_()
    course = Course(lessons, weights, 1, 120.0, 0)
    loss = loss_of(pupil, task, course, weight=None)
    value, number = loss(lessons)
    assert number == 2
    assert value.item() == pytest.approx(0, abs=1e-4)  # vectors were kept in fp16
    with torch.no_grad():
        for own in pupil.student.parameters():
            own.mul_(-0.5)
    assert loss(lessons)[0].item() > 1e-3


def test_what_was_not_observed_or_labelled_changes_no_gradient(tmp_path):
    model, task = network()
    letters, _ = network("cnn", seed=3)  # a teacher that says something of every residue
    protein = gapped()
    said = outputs([Predictor(letters, "teacher")], [protein] * 2, folder=tmp_path)
    weights = Weights(align=1.0)

    def gradient(example, answer):
        lessons = graphed(
            lessons_of(task, [example], [protein], outputs=answer, weights=weights), model.config
        )
        torch.manual_seed(1)
        pupil = Pupil(copy.deepcopy(model), lessons, weights)
        course = Course(lessons, weights, 1, 120.0, 0)
        loss_of(pupil, task, course, weight=None)(lessons)[0].backward()
        return {name: own.grad for name, own in pupil.named_parameters()}

    first = labelled(task, protein)
    plain = gradient(first, said)
    assert all(bool(own.isfinite().all()) and bool(own.any()) for own in plain.values())
    y = first.y.copy()
    y[HOLE] = 1 - y[HOLE]
    assert same(gradient(replace(first, y=y), said), plain)

    def silenced(rows):
        return [one._replace(**{key: np.array(getattr(one, key)) for key in rows}) for one in said]

    other = silenced(("logits", "vectors", "weight"))
    for one in other:
        one.logits[HOLE] = 9.0
        one.vectors[HOLE] = 9.0
        one.weight[HOLE] = 0.1
    assert same(gradient(first, other), plain)
    seen = silenced(("logits",))
    seen[0].logits[6] = 9.0
    assert not same(gradient(first, seen), plain)
    y = first.y.copy()
    y[6] = 1 - y[6]
    assert not same(gradient(replace(first, y=y), said), plain)


def test_side_chains_are_hidden_of_a_share_and_no_node_is_lost():
    model, task = network()
    sighted = replace(model.config, inputs=25, graph={**model.config.graph, "nodes": ("side",)})
    given = [labelled(task, synthetic.protein(seed, length=60)) for seed in range(40)]
    lessons = lessons_of(task, given, [], outputs=None, weights=Weights(soft=0))
    assert all(own.hidden is None for own in graphed(lessons, sighted))
    both = graphed(lessons, sighted, share=0.5)
    for own in both:
        assert torch.equal(own.graph.residue, own.hidden.residue)
        assert not torch.equal(own.graph.x, own.hidden.x)
    drawn = [bared(both, 0.5, np.random.default_rng((0, epoch))) for epoch in (0, 0, 1)]
    hidden = [[own.graph is one.hidden for own, one in zip(d, both, strict=True)] for d in drawn]
    assert hidden[0] == hidden[1] != hidden[2]
    assert 10 < sum(hidden[0]) < 30


# Training


class Begun(Exception):
    """Training would begin now."""


def test_the_twin_begins_with_the_same_weights_and_takes_as_many_steps(
    course, monkeypatch, tmp_path
):
    seen = []

    def fit(model, batches, **_):
        dealt = [len(batches(epoch)) for epoch in range(3)]
        seen.append((copy.deepcopy(model.student.state_dict()), dealt))
        raise Begun

    other = course_of("distil.align=0.5")
    facts = distil.student(course).summary
    monkeypatch.setattr(distil, "fit", fit)
    for given in (course, other):
        with pytest.raises(Begun):
            distil.student(replace(given, folder=tmp_path))
        with pytest.raises(Begun):
            distil.alone(replace(given, folder=tmp_path), facts["steps"], facts["residues"])
    for weights, dealt in seen[1:]:
        assert same(weights, seen[0][0])
        assert dealt == seen[0][1] == [facts["steps"]] * 3


def test_hidden_side_chains_reach_training(course, monkeypatch, tmp_path):
    def fit(model, batches, **_):
        assert all(own.graph is own.hidden for batch in batches(0) for own in batch)
        raise Begun

    monkeypatch.setattr(distil, "fit", fit)
    with pytest.raises(Begun):
        distil.student(replace(course_of("train.drop_side=1.0"), folder=tmp_path))
    with pytest.raises(AssertionError):
        distil.student(replace(course, folder=tmp_path))


def test_training_that_was_killed_ends_with_the_same_weights(course, tmp_path):
    class Killed(Exception):
        pass

    def log(epoch, row):
        raise Killed

    broken = replace(course, folder=tmp_path)
    with pytest.raises(Killed):
        distil.student(broken, log=log)
    seen = []
    again = distil.student(broken, log=lambda epoch, row: seen.append(epoch))
    assert seen == [1]
    assert same(weights_of(again), weights_of(distil.student(course)))


def test_a_pool_of_structures_is_taught_at_what_was_observed(course, monkeypatch, tmp_path):
    found = [gapped(), synthetic.protein(901, length=60)]
    monkeypatch.setattr(distil, "_pool", lambda course: (tuple(found), "2 proteins"))
    given = replace(course_of("train.epochs=1", "distil.relation=0.1"), folder=tmp_path)
    taught = distil.student(given).summary
    labelled = distil.student(course).summary
    assert taught["lessons"] == labelled["lessons"] + 2
    items = labelled["items"]["soft"] * labelled["lessons"] + 120 - len(HOLE)
    assert taught["items"]["soft"] * taught["lessons"] == pytest.approx(items)
    found.append(Protein("letters", "MKV"))
    with pytest.raises(ValueError, match="letters: egnn looks at structures"):
        distil.student(replace(given, folder=tmp_path / "other"))


def test_a_teacher_of_letters_teaches_graphs_too():
    teacher = "planted_site/cnn train.epochs=1 model.width=8 model.layers=1 data.batch=400"
    course = course_of(f"distil.teachers=[{teacher}]", "train.epochs=1", "distil.align=0.5")
    assert distil.student(course).summary["items"]["align"] > 0
    assert contrast.taught(course).needs == "sequence"


@pytest.mark.parametrize("teacher", ["structure", "sequence"])
@pytest.mark.parametrize("student", ["structure", "sequence"])
def test_folding_is_spared_where_a_teacher_needs_it_and_a_student_does_not(teacher, student):
    side = contrast.Side(None, None, (), {}, teacher)
    sides = {"teacher": side, "student": side._replace(needs=student)}
    cost = price.Price(0, 0, 0.0, (1.0, 1.0), (1.0, 1.0), None)
    own = network("cnn" if student == "sequence" else "gcn")[0]
    said = distilled._folding(sides, own, cost)
    assert bool(said) == ((teacher, student) == ("structure", "sequence"))


# The whole way


def test_the_report_says_what_each_needs(facts):
    assert [row["needs"] for row in facts["rows"]] == ["structure"] * 3
    assert facts["esmfold"] == ""
    text = Path(facts["folder"], "report.md").read_text()
    assert "| labels alone | structure |" in text
    assert "ESMFold" not in text
    assert "\n\n\n" not in text
    assert facts["costs"]["student"]["flops"] < facts["costs"]["teacher"]["flops"] / 2


def test_a_student_is_a_model_like_any_other(facts, course, tmp_path, capsys):
    assert main(["register", facts["run"], "planted-small"]) == 0
    assert main(["promote", "planted-small", "1"]) == 0
    predictor = resolve.load("planted-small@champion")
    assert isinstance(predictor.model, Model)
    assert (predictor.model.config.layers, predictor.model.config.width) == (1, 8)
    assert f"taught by: {TEACHER}" in predictor.describe()
    examples = course.data.side("test")
    said = predictor.predict([e.protein for e in examples])
    y = np.concatenate([e.y[e.items, 0] for e in examples])
    scores = np.concatenate([one.scores[e.items, 0] for one, e in zip(said, examples, strict=True)])
    assert auprc(y, scores) == pytest.approx(facts["test"]["auprc"], abs=1e-6)
    twin = resolve.load(Path(facts["alone"]["folder"], "model"))
    assert "taught by" not in twin.describe()
    file = tmp_path / "one.pdb"
    file.write_text(write.pdb(examples[0].protein))
    capsys.readouterr()
    assert main(["predict", f"{facts['folder']}/model", str(file)]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(examples[0].protein)


def test_a_student_teaches_a_smaller_one(facts):
    words = [f"distil.teachers=[./{facts['folder']}/model]", "model.width=4", "train.epochs=1"]
    again = course_of(*words)
    assert distil.student(again).summary["parameters"] < again.models[0].size


def test_members_that_read_one_graph_are_timed_with_one(monkeypatch):
    built = []
    real = price.example
    monkeypatch.setattr(price, "example", lambda c, *rest: built.append(c) or real(c, *rest))
    models = [network(seed=seed)[0] for seed in range(3)]
    chain = synthetic.protein(0, length=60)
    price.asking(models)(chain)
    assert len(built) == 1
    other = Model(replace(models[0].config, graph={**models[0].config.graph, "radius": 6.0}))
    price.asking([*models, other, network("cnn")[0]])(chain)
    assert len(built) == 4
    each = sum(price.flops(price.asking([model]), chain) for model in models)
    assert price.flops(price.asking(models), chain) == each


# What is refused


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["distil.attention=1"], "distil.attention needs .* got student.kind=graph"),
        (["distil.contacts=1"], "distil.contacts teaches students of letters"),
        (["distil.pool=x.fasta"], "distil.pool=x.fasta has sequences, .* model.encoder=egnn looks"),
        (["distil.pool=x.fa.gz"], "distil.pool=x.fa.gz has sequences"),
        (["student.width=32"], "student.width=32 is of students of letters"),
        (["model.encoder=window"], "model.encoder is one of gcn, .*, got 'window'"),
        (["model.fused=true"], "a student is a network alone, got model.fused=true"),
    ],
)
def test_what_no_student_of_graphs_can_learn_is_one_line(words, reason, capsys, monkeypatch):
    monkeypatch.setattr(tuition, "kept", None)  # and no teacher is trained before
    assert main(["distill", "planted_site/student_graph", *FEW, *words]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "error:" in one]
    assert re.search(reason, line)


def test_proteins_without_a_structure_are_refused_before_a_teacher_is_trained(course, monkeypatch):
    monkeypatch.setattr(tuition, "kept", None)
    first, *rest = course.data.examples
    bare = replace(first, protein=Protein("bare", first.protein.sequence))
    data = replace(course.data, examples=(bare, *rest))
    monkeypatch.setattr(tuition, "loaded", lambda settings: (course.task, data))
    with pytest.raises(ValueError, match="bare: egnn looks at structures"):
        course_of()
    with pytest.raises(TypeError):
        course_of("model.encoder=cnn", "graph.nodes=[identity]")


def test_a_student_of_other_vectors_is_another_one(course, monkeypatch):
    """The folder of an encoder keeps its name, its weights do not stay."""
    places = [distil.student_place(course)]
    for digest in ("one", "other"):
        held = replace(course.config, digest=digest)
        monkeypatch.setattr(tuition, "config_of", lambda *_, held=held: held)
        places += [distil.student_place(course), distil.alone_place(course, 3, 4.0)]
    assert len(set(places)) == len(places)
