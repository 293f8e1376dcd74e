"""Distillation: a teacher of structures, a student of letters and the student of labels alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from protgraph import recipe, resolve
from protgraph.cli import main
from protgraph.comparing import benchmark
from protgraph.data.sets import SETS
from protgraph.data.sites import planted as sites
from protgraph.distilling import contrast, distil, planned, pupil, tuition
from protgraph.distilling.lessons import Course, Lesson, sure
from protgraph.distilling.price import asking, flops, timed
from protgraph.distilling.teachers import uris
from protgraph.models.letters import encode
from protgraph.models.student import Student, StudentConfig
from protgraph.running import cells
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import accuracy, auprc
from protgraph.track.lineage import lineage
from protgraph.track.record import weights
from protgraph.track.registry import record
from protgraph.train.distill import Weights
from protgraph.train.ranks import World

TEACHER = "planted_site/egnn train.epochs=2 model.width=16 model.layers=1 data.batch=400"
FEW = [
    f"distil.teachers=[{TEACHER}]", "train.epochs=3", "train.patience=3", "data.batch=400",
    "student.width=16", "student.layers=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of its own with MLflow in it, and a small set of planted sites."""
    folder = tmp_path_factory.mktemp("distil")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    patch.setitem(SETS, "planted-site", lambda *, gaps=True: sites(count=20))
    patch.setattr(cells, "_LOADED", {})
    patch.setattr("protgraph.distilling.distilled.sample", lambda proteins: proteins[:1])
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def facts(place):
    """What the command line printed as JSON."""
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr("builtins.print", lambda text, **_: said.append(text))
        assert main(["distill", "planted_site/student", *FEW, "--json"]) == 0
    return json.loads(next(text for text in said if text.startswith("{")))


def course_of(*words, folder="runs"):
    settings, name = recipe.load("planted_site/student", [*FEW, *words])
    return tuition.gathered(settings, name, Path(folder))


@pytest.fixture
def course(place, facts):
    return course_of()


def weights_of(cell):
    return resolve.load(distil.model_of(cell)).model.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# The whole way


def test_the_report_has_all_three_and_what_they_cost(facts):
    rows = facts["rows"]
    assert [row["model"] for row in rows] == ["teacher", "student", "labels alone"]
    assert [row["needs"] for row in rows] == ["structure", "sequence", "sequence"]
    for row in rows:
        value, low, high = row["test auprc"]
        assert low <= value <= high
    teacher, own, hard = (row["test auprc"][0] for row in rows)
    assert rows[1]["kept"][0] == pytest.approx(own / teacher)
    assert facts["gain"][0] == pytest.approx(own - hard)
    if teacher > hard:
        assert facts["closed"][0] == pytest.approx((own - hard) / (teacher - hard))
    assert facts["costs"]["student"]["parameters"] == facts["costs"]["labels alone"]["parameters"]
    assert facts["costs"]["student"]["flops"] == 2 * 2 * 5 * 16 * 16 + 2 * 16
    assert "ESMFold takes 14.2 s for 384 residues" in facts["esmfold"]
    assert sum(row["proteins"] for row in facts["near"]) == 4


def test_report_plot_and_model_are_files(facts):
    folder = Path(facts["folder"])
    kept = {path.name for path in folder.iterdir()}
    assert {"report.md", "report.json", "price.png", "model", "result.json"} <= kept
    assert {path.name for path in (folder / "model").iterdir()} == {
        "config.json", "model.safetensors", "README.md",
    }  # fmt: skip
    stored = json.loads((folder / "report.json").read_text())
    assert stored["rows"] == facts["rows"]
    assert "| labels alone | sequence |" in (folder / "report.md").read_text()


def test_the_teacher_is_measured_at_what_its_own_run_found(facts, course):
    (own,) = course.cells
    assert facts["rows"][0]["test auprc"][0] == pytest.approx(own.summary["test"]["auprc"])


def test_the_run_is_remembered_and_its_model_is_the_student(facts, course, capsys):
    import mlflow

    kept = mlflow.MlflowClient().get_run(facts["run"])
    assert kept.info.status == "FINISHED"
    assert kept.data.params["student.kind"] == "cnn"
    assert kept.data.metrics["test_auprc"] == pytest.approx(facts["test"]["auprc"])
    assert kept.data.metrics["gain"] == pytest.approx(facts["gain"][0])
    assert main(["register", facts["run"], "planted-student"]) == 0
    assert main(["promote", "planted-student", "1"]) == 0
    predictor = resolve.load("planted-student@champion")
    assert isinstance(predictor.model, Student)
    examples = course.data.side("test")
    said = predictor.predict([e.protein for e in examples])
    y = np.concatenate([e.y[:, 0] for e in examples])
    scores = np.concatenate([one.scores[:, 0] for one in said])
    assert auprc(y, scores) == pytest.approx(facts["test"]["auprc"], abs=1e-6)
    for path in Path("mlruns").rglob("model.safetensors"):
        assert {file.name for file in path.parent.iterdir()} == {"config.json", "model.safetensors"}
    student, teacher = lineage("planted-student")
    (own,) = course.cells
    assert teacher.tags["weights"] == weights(Path(own.summary["folder"], "model"))
    assert teacher.tags["split"] == student.tags["split"] == course.data.split_digest
    assert json.loads(student.tags["teachers"]) == [teacher.uri]
    assert uris(course) == (teacher.uri,)
    card = (record("planted-student@champion") / "card.md").read_text()
    assert f"- teacher: {teacher.uri}" in card
    assert main(["lineage", "planted-student"]) == 0
    assert f"\n  {teacher.uri}: task planted-site" in capsys.readouterr().out


def test_a_student_predicts_from_a_sequence_file(facts, capsys):
    Path("x.fasta").write_text(">one\nMKVLAHCDEWWH\n")
    assert main(["predict", f"./{facts['folder']}/model", "x.fasta"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 12


def test_what_was_trained_is_found_again(facts, course, monkeypatch):
    monkeypatch.setattr(distil, "fit", None)
    monkeypatch.setattr("protgraph.running.learn.fit", None)
    own = distil.student(course)
    assert own.summary["test"] == facts["test"]
    # The student of labels alone does not see what the other is taught.
    for words in (["distil.soft=0.5"], ["distil.hard=0.0"], ["distil.contacts=1"]):
        other = course_of(*words)
        assert distil.student_place(other) != distil.student_place(course)
        found = distil.alone(other, own.summary["steps"], own.summary["residues"])
        assert found.summary["test"] == facts["alone"]["test"]
    with pytest.raises(TypeError):
        distil.alone(course, own.summary["steps"] + 1, own.summary["residues"])


def test_a_pool_that_was_written_anew_has_another_student(course, tmp_path):
    file, made = tmp_path / "new.pdb", synthetic.protein(900, length=60)
    texts = [write.pdb(made), write.pdb(replace(made, backbone=made.backbone[..., ::-1]))]
    assert len(texts[0]) == len(texts[1])
    places = []
    for text in texts:
        file.write_text(text)
        places.append(distil.student_place(course_of(f"distil.pool={tmp_path}")))
    assert places[0] != places[1]


def test_what_is_kept_may_be_moved(course):
    (own,) = course.cells
    shutil.copytree(own.summary["folder"], Path("moved", Path(own.summary["folder"]).name))
    moved = course_of(folder="moved")
    (cell,) = moved.cells
    assert distil.model_of(cell) == Path(moved.teachers[0].name)
    assert distil.model_of(cell).parent.parent == Path("moved")


def test_a_teacher_is_found_again_in_a_folder_of_any_name(course):
    (own,) = course.cells
    shutil.copytree(distil.model_of(own), "runs@2/model")
    assert uris(course_of("distil.teachers=[./runs@2/model]")) == uris(course)


def test_a_cell_of_which_half_is_written_is_not_there(tmp_path, monkeypatch):
    def half(path, text):
        path.write_bytes(text[:5].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    made = TASKS["enzyme-class"], SimpleNamespace(summary={})
    with pytest.raises(OSError, match="No space left"):
        cells.found_or_made(tmp_path, lambda: made)
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_with_a_number_is_no_reason_to_leave_it_out(course):
    with pytest.raises(ValueError, match="scores have shape"):
        contrast.way(accuracy, [0, 1], [[1, 0]], (None, [[[1, 0], [0, 1]]]), ["a", "b"])

    def broken(y, scores):
        raise ValueError("broken")

    task = replace(course.task, metrics={course.task.monitor: broken})
    with pytest.raises(ValueError, match="broken"):
        contrast.near(replace(course, task=task), {"teacher": contrast.taught(course)})


def test_proteins_without_a_label_are_in_no_bin(course):
    tested = [e.protein.name for e in course.data.side("test")]
    examples = tuple(
        replace(e, y=np.full_like(e.y, np.nan)) if e.protein.name == tested[0] else e
        for e in course.data.examples
    )
    less = replace(course, data=replace(course.data, examples=examples))
    rows = contrast.near(less, {"teacher": contrast.taught(less)})
    assert sum(row["proteins"] for row in rows) == len(tested) - 1


# Training


def test_training_that_was_killed_ends_with_the_same_numbers(course, facts, tmp_path):
    class Killed(Exception):
        pass

    def log(epoch, row):
        if epoch == 1:
            raise Killed

    broken = replace(course, folder=tmp_path)
    with pytest.raises(Killed):
        distil.student(broken, log=log)
    seen = []
    again = distil.student(broken, log=lambda epoch, row: seen.append(epoch))
    assert seen == [2]
    assert again.summary["test"] == facts["test"]
    assert same(weights_of(again), weights_of(distil.student(course)))


def test_labels_of_the_test_side_do_not_matter_for_the_student(course, tmp_path):
    turned = tuple(replace(e, y=1 - e.y) if e.split == "test" else e for e in course.data.examples)
    other = replace(course, data=replace(course.data, examples=turned), folder=tmp_path)
    one, two = distil.student(course), distil.student(other)
    assert same(weights_of(one), weights_of(two))
    assert one.summary["thresholds"] == two.summary["thresholds"]
    assert one.summary["test"] != two.summary["test"]


def test_without_a_pool_there_are_the_labelled_proteins_alone(course):
    own = distil.student(course).summary
    sizes = [len(e.protein) for e in course.data.side("train")]
    assert (own["lessons"], own["pool"]) == (len(sizes), "")
    assert own["steps"] * own["residues"] == pytest.approx(sum(sizes))
    assert own["items"]["hard"] == own["items"]["soft"] == pytest.approx(np.mean(sizes))


def test_a_pool_is_taught_beside_the_labelled(course, tmp_path):
    (tmp_path / "pool").mkdir()
    for seed in range(4):
        made = synthetic.protein(900 + seed, length=60, name=f"new{seed}")
        (tmp_path / "pool" / f"new{seed}.pdb").write_text(write.pdb(made))
    words = [f"distil.pool={tmp_path / 'pool'}", "distil.size=3", "train.epochs=1"]
    taught = distil.student(course_of(*words)).summary
    labelled = distil.student(course).summary
    assert taught["lessons"] == labelled["lessons"] + 3
    known = labelled["items"]["hard"] * labelled["lessons"]
    assert taught["items"]["hard"] * taught["lessons"] == pytest.approx(known)
    assert taught["items"]["soft"] * taught["lessons"] == pytest.approx(known + 180)
    assert taught["pool"].startswith("3 proteins without labels")


def test_of_the_pool_only_what_the_teacher_is_sure_of_is_taught(course, tmp_path):
    (tmp_path / "pool").mkdir()
    for seed in range(4):
        made = synthetic.protein(900 + seed, length=60, name=f"new{seed}")
        (tmp_path / "pool" / f"new{seed}.pdb").write_text(write.pdb(made))
    words = [f"distil.pool={tmp_path / 'pool'}", "train.epochs=1"]
    proteins, _ = distil._pool(course_of(*words))
    said = course.say(proteins)
    high = sorted(float(torch.tensor(one.logits).sigmoid().nan_to_num(0).max()) for one in said)
    assert high[1] < high[2]
    least = f"distil.least={(high[1] + high[2]) / 2:.9f}"
    taught = distil.student(course_of(*words, least)).summary
    labelled = distil.student(course).summary
    assert taught["lessons"] == labelled["lessons"] + 2
    assert taught["pool"].endswith("; taught: 2")
    items = labelled["items"]["soft"] * labelled["lessons"] + 120
    assert taught["items"]["soft"] * taught["lessons"] == pytest.approx(items)
    with pytest.raises(ValueError, match=r"least=0.9999999 leaves none of the 4 proteins"):
        distil.student(course_of(*words, "distil.least=0.9999999"))


def test_what_a_teacher_is_unsure_of_is_forgotten_where_nothing_is_labelled():
    nan = torch.nan
    said = torch.tensor([[2.0, -1.0], [-3.0, -2.0], [nan, nan]])
    sites = TASKS["ligand-sites"]
    none = torch.full((3, 2), nan)
    kept = sure(sites, said, none, 0.8)
    assert torch.equal(kept[:, 0].nan_to_num(9), torch.tensor([2.0, -3.0, 9.0]))
    assert kept[:, 1].isnan().all()
    known = none.clone()
    known[0, 1] = 0.0
    assert torch.equal(sure(sites, said, known, 0.8).nan_to_num(9), said.nan_to_num(9))
    classes = TASKS["secondary-structure"]
    said = torch.tensor([[3.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.1, 0.0, 0.0]])
    y = torch.tensor([[nan], [nan], [2.0]])
    rows = sure(classes, said, y, 0.5).isnan().all(dim=1)
    assert rows.tolist() == [False, True, False]


def test_of_a_protein_a_sure_no_is_taught_as_a_sure_yes():
    functions = replace(TASKS["ec-chains"], outputs=("yes", "no", "perhaps"))
    kept = sure(functions, torch.tensor([[3.0, -3.0, -0.5]]), torch.full((1, 3), torch.nan), 0.8)
    assert torch.equal(kept.nan_to_num(9), torch.tensor([[3.0, -3.0, 9.0]]))


def test_a_term_of_weight_0_is_absent_and_any_other_is_computed(course, monkeypatch):
    asked = []
    for name in ("aligned", "related", "attended", "touching"):
        real = getattr(pupil, name)
        monkeypatch.setattr(
            pupil, name, lambda *given, real=real, name=name: asked.append(name) or real(*given)
        )
    some = ["train.epochs=1", "train.rate=1e-4", "student.kind=transformer", "student.heads=2"]
    distil.student(course_of(*some))
    assert not asked
    terms = ["distil.align=1", "distil.relation=1", "distil.attention=1", "distil.contacts=1"]
    found = distil.student(course_of(*some, *terms)).summary
    assert set(asked) == {"aligned", "related", "attended", "touching"}
    assert all(count > 0 for count in found["items"].values())
    assert len(found["items"]) == 6
    # Heads that only training needs are not in the model.
    assert found["parameters"] == distil.student(course_of(*some)).summary["parameters"]


def lessons(*sizes):
    return [Lesson("M" * size, torch.zeros(size, 1)) for size in sizes]


def test_an_epoch_has_every_lesson_once_in_as_many_steps_as_promised():
    given = lessons(*range(20, 60))
    made = Course(given, Weights(soft=0), 8, sum(range(20, 60)) / 8, 0)
    dealt = made.draw(3)
    assert len(dealt) == 8
    assert sorted(len(own.sequence) for batch in dealt for own in batch) == list(range(20, 60))
    assert [[id(own) for own in batch] for batch in dealt] == [
        [id(own) for own in batch] for batch in made.draw(3)
    ]
    assert [len(batch) for batch in dealt] != [len(batch) for batch in made.draw(4)]


def test_labels_alone_come_more_often_in_the_same_steps():
    given = lessons(*[30] * 10)
    dealt = Course(given, Weights(soft=0), 25, 120.0, 0).draw(0)
    assert [sum(len(own.sequence) for own in batch) for batch in dealt] == [120] * 25
    places = {id(own): place for place, own in enumerate(given)}
    times = np.bincount([places[id(own)] for batch in dealt for own in batch], minlength=10)
    assert times.tolist() == [10] * 10


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(1, 12), st.integers(1, 5)
)
def test_steps_are_as_many_as_promised_whatever_the_lengths(sizes, steps, more):
    given = lessons(*sizes)
    for own in (steps, steps * more):
        dealt = Course(given, Weights(soft=0), own, sum(sizes) / steps, 0).draw(1)
        assert len(dealt) == own
        assert all(dealt)
        places = {id(lesson): place for place, lesson in enumerate(given)}
        seen = [places[id(lesson)] for batch in dealt for lesson in batch]
        times = np.bincount(seen, minlength=len(given))
        assert times.max() - times.min() <= 1


@pytest.mark.parametrize("name", ["enzyme-class", "stability", "planted-site"])
def test_a_student_that_says_what_its_teacher_says_loses_labels_alone(name):
    task = TASKS[name].named(("one",))
    config = StudentConfig(
        task=name, level=task.level, outputs=task.outputs, exclusive=task.exclusive,
        value=task.value, width=8, layers=1, dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Student(config).eval()
    rows = 6 if task.level == "residue" else 1
    with torch.no_grad():
        logits = model(*encode(["MKVLAH"])).logits.reshape(rows, -1)
    y = torch.ones(rows, 1)
    own = [Lesson("MKVLAH", y, logits), Lesson("MK", torch.full((min(rows, 2), 1), torch.nan),
           torch.full((min(rows, 2), logits.shape[1]), torch.nan))]  # fmt: skip
    weights = Weights(hard=2.0, soft=1.0)
    made = Course(own, weights, 1, 8.0, 0)
    loss = pupil.loss_of(pupil.Pupil(model, own, weights), task, made, weight=None)
    value, number = loss(own)
    assert number == 2
    # 2 · (mean over labelled items); the soft term is 0, and a protein without either adds none.
    expected = 2 * task.loss(logits, y, weight=None) / rows
    assert value.item() / number == pytest.approx(float(expected), abs=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["distil.teachers=[]"], "distil.teachers names one teacher at least"),
        (["distil.teachers=[shs27k/mlp]"], "a recipe for shs27k-random-0, not for planted-site"),
        (["distil.teachers=[zinc_site/egnn]"], "a recipe for zinc-site, not for planted-site"),
        (["distil.teachers=[planted_site/egnn data.shuffle=true]"], "see the same proteins"),
        ([f"distil.teachers=[{TEACHER} seed=3]"], "distil.seeds says which seeds a teacher has"),
        (["student.kind=rnn"], "student.kind cannot be 'rnn'"),
        (["student.kind="], "student.kind cannot be|student.kind is a str|student.kind is cnn"),
        (["distil.attention=1"], "a student with attention, got student.kind=cnn"),
        (["distil.soft=-1"], "distil.soft cannot be -1"),
        (["distil.temperature=0"], "distil.temperature cannot be 0"),
        (["distil.pool=structures", "data.shuffle=true"], "chains as they were observed"),
        (["distil.size=5"], "but distil.pool names none"),
        (["distil.least=0.5", "distil.soft=0", "distil.hard=1"], "but distil.soft is 0"),
        (["distil.least=1.0"], "distil.least cannot be 1"),
        (["distil.pool=x.fasta", "distil.soft=0"], "has no labels"),
    ],
)
def test_what_no_student_can_learn_is_one_line(place, words, reason, capsys):
    import re

    assert main(["distill", "planted_site/student", *FEW, *words]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "error:" in one]
    assert re.search(reason, line)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["distil.pool=gone.fasta"], r"distil.pool=gone.fasta: there is no such file or folder"),
        (["distil.pool=own.fasta"], r"has sequences alone, but the teacher planted_site/egnn .*"),
        (["student.width=0"], "width is 1 or more, got 0"),
        (["student.kind=layers", "student.encoder=mini", "student.layers=99"], "mini has 6 layers"),
        (["distil.hard=0", "distil.soft=0"], "One of hard, soft, .* has a weight above 0"),
        (["distil.teachers=[planted_site/egnn model.encoder=kmer-linear]"], "a teacher is a netw"),
        (["distil.strict=true"], "distil.strict=True is of a pool, but distil.pool names none"),
    ],
)
def test_what_is_wrong_is_said_before_a_teacher_is_trained(place, words, reason, monkeypatch):
    Path("own.fasta").write_text(">own\nMKVLAH\n")
    monkeypatch.setattr(tuition, "kept", None)
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        course_of(*words)


def test_a_student_of_other_layers_is_another_one(course, tmp_path, monkeypatch):
    """The folder's name stays, its weights do not."""
    words = ["student.kind=layers", "student.encoder=mini", "student.layers=1"]
    own = course_of(*words)
    before = distil.student_place(own)
    assert distil.student_place(own) == before
    monkeypatch.setattr(distil, "encoder", lambda name: SimpleNamespace(digest="other"))
    assert distil.student_place(own) != before


def test_a_teacher_that_is_no_fit_is_refused(facts, course, tmp_path):
    with pytest.raises(ValueError, match="a model of graphs, got a student"):
        course_of(f"distil.teachers=[./{facts['folder']}/model]")
    teacher = course.teachers[0].model
    config = teacher.config
    for card, split in (({**config.card, "split": "other"}, "other"), ({}, "none")):
        teacher.config = replace(config, card=card)
        teacher.save(tmp_path / split)
        with pytest.raises(ValueError, match=f"learned from the split {split}"):
            course_of(f"distil.teachers=[{tmp_path / split}]")
    teacher.config = replace(config, task="zinc-site")
    teacher.save(tmp_path / "task")
    with pytest.raises(ValueError, match="a teacher of planted-site scores"):
        course_of(f"distil.teachers=[{tmp_path / 'task'}]")


def test_what_ranks_would_change_or_wait_for_is_refused(course, monkeypatch):
    for module in (tuition, planned):
        monkeypatch.setattr(module, "world", lambda: World(0, 2))
    with pytest.raises(ValueError, match=r"distil.relation compares .* needs ranks=1, got 2"):
        course_of("distil.relation=1")
    with pytest.raises(ValueError, match=r"by engine=torch alone, got engine=deepspeed"):
        course_of(f"distil.teachers=[{TEACHER} engine=deepspeed zero=2]")
    assert course_of().recipe == course.recipe


def test_run_names_the_verb_that_trains_a_student(place, capsys):
    assert main(["run", "planted_site/student"]) == 2
    assert "trained by `protgraph distill`" in capsys.readouterr().err
    assert "planted_site/student" not in benchmark.shipped(TASKS["planted-site"])
    with pytest.raises(ValueError, match=r"student.kind is cnn"):
        cells.cell("planted_site/student", 0, Path("runs"))


# What it costs


def test_products_are_those_of_the_formula():
    chain = Protein("chain", "MKVLA" * 10)
    cnn = Student(StudentConfig(width=8, layers=3, kernel=5)).eval()
    assert flops(asking([cnn]), chain) == 50 * (3 * 2 * 5 * 8 * 8 + 2 * 8)
    blocks = Student(StudentConfig(kind="transformer", width=8, layers=2, heads=2)).eval()
    linear, attention = 2 * 2 * 12 * 8 * 8, 2 * 4 * 8 * 52  # with start and stop
    assert flops(asking([blocks]), chain) == 52 * (linear + attention) + 50 * 2 * 8


def test_timing_leaves_the_threads_as_they_were():
    before = torch.get_num_threads()
    seen = []
    wall, cpu = timed(lambda p: seen.append(torch.get_num_threads()), [None], threads=before + 1)
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before
    assert wall >= 0
    assert cpu >= 0
