"""Encoders teach an encoder: exact where it can be, above what has not learned, found again."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from protgraph.cli import main
from protgraph.data import pool
from protgraph.data import unlabelled as gathering
from protgraph.data.neighbours import related
from protgraph.data.unlabelled import unlabelled
from protgraph.distilling import embedded, spoken, study
from protgraph.distilling.embedding import Learner, cosines, loss_of, rows_of, taught
from protgraph.distilling.fitted import Map, fitted, reached
from protgraph.distilling.study import gathered
from protgraph.language.encoder import Lookup, encoder, onehot
from protgraph.language.network import Shape
from protgraph.language.stored import recalled
from protgraph.models.student import Student, StudentConfig, load
from protgraph.recipe import Recipe, known
from protgraph.recipe import load as load_recipe
from protgraph.resolve import load as resolved
from protgraph.structure.residues import LETTERS, codes
from protgraph.track.registry import register
from protgraph.train.corpus import MASK
from protgraph.train.hints import related as relations
from protgraph.train.masked import Masked, write
from protgraph.train.ranks import World


def proteins_of(count, *, seed=0, low=30, high=60):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(low, high, count)
    return ["".join(rng.choice(list(LETTERS[:20]), size)) for size in sizes]


def tiny(folder, *, width=16, layers=2, seed=0):
    """A folder with a random model of the ESM-2 kind, whose neighbours count."""
    torch.manual_seed(seed)
    model = Masked(Shape(33, width, layers, 2, 2 * width, mask=MASK))
    for weight in model.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.4)
    write(model, folder, longest=42, card={})  # longer proteins are read in windows
    return str(folder)


class Beside:
    """A teacher that says which letters stand on both sides, and nothing of the residue's own."""

    name, width, digest, table = "beside", 40, "beside", np.zeros(1)

    def encode(self, sequences):
        found = []
        for sequence in sequences:
            letters = np.eye(21, dtype=np.float32)[codes(sequence)][:, :20]
            letters = np.pad(letters, ((1, 1), (0, 0)))
            found.append(np.hstack([letters[:-2], letters[2:]]))
        return found


@pytest.fixture(autouse=True, scope="module")
def quick():
    """Relatives are looked for without starting a program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "unlabelled", partial(unlabelled, method="builtin"))
        yield


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "some.fasta"
    lines = (f">p{i}\n{own}\n" for i, own in enumerate(proteins_of(40)))
    path.write_text("".join(lines))
    return path


def recipe_of(fasta, teachers, **changes):
    own = {
        "task": "embedding", "data.proteins": str(fasta), "data.held": 0.3, "data.batch": 300,
        "distil.teachers": teachers, "student.kind": "cnn", "student.width": 32,
        "student.layers": 1, "train.epochs": 2, "train.patience": 9, "train.rate": 3e-3,
    }  # fmt: skip
    return Recipe({**own, **{key.replace("__", "."): value for key, value in changes.items()}})


def study_of(fasta, teachers, *, folder, **changes):
    return gathered(recipe_of(fasta, teachers, **changes), "embedding/demo", folder)


# What can be equal is equal


def test_all_layers_of_the_teacher_give_its_vectors_and_no_loss(fasta, tmp_path):
    teacher = tiny(tmp_path / "teacher")
    own = study_of(
        fasta, (teacher,), folder=tmp_path, student__kind="layers", student__encoder=teacher,
        student__layers=2, train__rate=1e-7, train__epochs=1, train__precision="fp32",
    )  # fmt: skip
    student, history = taught(own)
    assert history.rows[0]["cosine"] > 0.999
    assert history.rows[0]["loss"] < 1e-3
    maps = fitted(rows_of(student), own.teachers, own.proteins.train, own.proteins.valid)
    (found,) = reached(rows_of(student), own.teachers, maps, own.proteins.test)
    assert found.cosine > 0.9999
    assert found.r2 > 0.9999
    (less,) = reached(rows_of(student), own.teachers, [Map(maps[0].weight, 0 * maps[0].bias)],
                      own.proteins.test)  # fmt: skip
    assert less.r2 < found.r2


def test_vectors_are_standardised_over_the_training_side(fasta, tmp_path):
    own = study_of(fasta, (tiny(tmp_path / "teacher"), "onehot"), folder=tmp_path)
    for teacher in own.teachers:
        rows = np.concatenate([teacher[one] for one in own.proteins.train])
        moving = rows.std(axis=0) > 0
        np.testing.assert_allclose(rows.mean(axis=0), 0, atol=2e-3)
        np.testing.assert_allclose(rows.std(axis=0)[moving], 1, atol=2e-3)
    assert not own.teachers[1][own.proteins.train[0]][:, 20].any()  # X never comes


def test_a_map_is_that_of_ridge(fasta, tmp_path):
    from sklearn.linear_model import Ridge

    own = study_of(fasta, (tiny(tmp_path / "teacher"),), folder=tmp_path)
    rng = np.random.default_rng(0)
    table = Lookup("some", rng.normal(size=(21, 3)))
    train, valid = own.proteins.train, own.proteins.valid
    x = np.concatenate(table.encode(train)).astype(np.float64)
    y = np.concatenate([own.teachers[0][one] for one in train])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("protgraph.distilling.fitted.PENALTIES", (0.1,))
        (found,) = fitted(table.encode, own.teachers, train, valid)
    want = Ridge(alpha=0.1 * len(x)).fit(x / x.std(axis=0), y)
    np.testing.assert_allclose(x @ found.weight + found.bias, want.predict(x / x.std(axis=0)),
                               atol=1e-4)  # fmt: skip


def test_what_is_reached_is_the_mean_of_residues(fasta, tmp_path):
    own = study_of(fasta, ("onehot",), folder=tmp_path)
    table, test = Lookup("some", np.random.default_rng(0).normal(size=(21, 21))), own.proteins.test
    (found,) = reached(table.encode, own.teachers, [Map(np.eye(21), np.ones(21))], test)
    made = torch.tensor(np.concatenate(table.encode(test)) + 1)
    aim = torch.tensor(np.concatenate([own.teachers[0][one] for one in test]))
    assert found.cosine == pytest.approx(float(functional.cosine_similarity(made, aim).mean()))
    assert found.r2 == pytest.approx(float(1 - (made - aim).square().sum() / aim.square().sum()))
    value, _ = found.intervals(own.proteins.families)
    assert value.low < value.value < value.high


def bert(folder):
    """A folder with a small random model of the ProtBERT kind."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"LAGVESIKRDTPNQFYMHCWXUBZO"]
    config = BertConfig(
        vocab_size=len(words), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=80,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words))
    said = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return str(folder)


def test_the_recipe_for_esm2_takes_a_protbert_beside_it(fasta, tmp_path):
    both = tiny(tmp_path / "esm"), bert(tmp_path / "bert")
    words = [f"distil.teachers=[{', '.join(both)}]", f"data.proteins={fasta}", "data.held=0.3"]
    words += ["train.epochs=1", "data.batch=400", "student.width=16", "student.layers=1"]
    settings, name = load_recipe("embedding/esm2_650m_small", words)
    own = gathered(settings, name, tmp_path)
    assert [teacher.width for teacher in own.teachers] == [16, 24]
    student, history = taught(own)
    assert set(history.rows[0]) >= {"cosine", "cosine 1", "cosine 2"}
    student.save_pretrained(tmp_path / "small")
    found = encoder(str(tmp_path / "small")).encode(own.proteins.test[:2])
    np.testing.assert_allclose(found[1], rows_of(student)(own.proteins.test[:2])[1], atol=2e-6)


def test_the_first_layers_of_a_protbert_are_a_student_too(fasta, tmp_path):
    source = bert(tmp_path / "bert")
    words = {"student__kind": "layers", "student__encoder": source, "student__layers": 1}
    student = study_of(fasta, ("onehot",), folder=tmp_path, **words).begun()
    student.save_pretrained(tmp_path / "small")
    (found,) = encoder(str(tmp_path / "small")).encode(["MKVLY" * 9])
    np.testing.assert_allclose(found, encoder(source, layer=1).encode(["MKVLY" * 9])[0], atol=2e-6)


# The loss


def test_the_loss_is_a_mean_over_teachers_of_different_widths(fasta, tmp_path):
    teachers = (tiny(tmp_path / "one"), tiny(tmp_path / "two", width=24, seed=1))
    own = study_of(fasta, teachers, folder=tmp_path, distil__relation=0.5)
    torch.manual_seed(0)
    learner = Learner(own.begun(), own.teachers)
    assert [layer.out_features for layer in learner.maps] == [16, 24]
    train = own.proteins.train
    value, number = loss_of(learner, own)(train[:5])
    vectors = [torch.tensor(rows) for rows in rows_of(learner.student)(train[:5])]
    pooled = torch.stack([rows.mean(dim=0) for rows in vectors])
    want = 0.0
    for layer, teacher in zip(learner.maps, own.teachers, strict=True):
        aims = [torch.tensor(teacher[one]) for one in train[:5]]
        cosine = functional.cosine_similarity(layer(torch.cat(vectors)), torch.cat(aims), dim=1)
        mean = sum(map(len, train)) / len(train)
        apart = relations(pooled, torch.stack([aim.mean(dim=0) for aim in aims])).sum
        want += ((1 - cosine).sum() / mean + 0.5 * apart).item() / 2
    assert number == 5
    assert value.item() == pytest.approx(want, rel=1e-4)


def test_a_student_that_learns_is_above_the_one_that_does_not(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "encoder", lambda name, **_: Beside())
    monkeypatch.chdir(tmp_path)
    own = study_of(fasta, ("toy",), folder=tmp_path, train__epochs=12, train__rate=1e-2)
    found = embedded.compared(own, taught(own)).facts["rows"]["toy"]
    rows = {row["vectors"]: row for row in found}
    assert rows["student"]["cosine"].value > rows["student, untrained"]["cosine"].value + 0.02
    assert rows["student, untrained"]["student minus it"].low > 0
    assert rows["letters, 7 to each side"]["cosine"].value > 0.999  # all that there is to say
    assert abs(rows["letters alone"]["cosine"].value) < 0.1


# Who is held out


def changed(sequence, rng, share):
    return "".join(rng.choice(list(LETTERS[:20])) if rng.random() < share else a for a in sequence)


def test_no_relative_is_across_the_border(tmp_path):
    rng = np.random.default_rng(0)
    roots = proteins_of(12, low=50)
    path = tmp_path / "families.tsv"
    rows = [changed(root, rng, 0.4) for root in roots for _ in range(3)]
    path.write_text("id\tsequence\n" + "".join(f"p{i}\t{own}\n" for i, own in enumerate(rows)))
    found = unlabelled(path, held=0.4, method="builtin")
    assert sorted(found.all) == sorted(set(rows))
    assert found.valid
    assert found.test
    sides = (found.train, found.valid, found.test)
    for place, side in enumerate(sides):
        others = [own for other in sides[place + 1 :] for own in other]
        assert not [1 for a in side for b in others if related(a, b)]
    assert len(found.families) == len(found.test)


def test_relatives_of_the_held_out_clusters_leave_the_pretraining_set(monkeypatch):
    rng = np.random.default_rng(1)
    train, valid = proteins_of(20, low=50), proteins_of(12, seed=9, low=50)
    sides = {"train": [*train, changed(valid[0], rng, 0.3)], "valid": valid}
    monkeypatch.setattr(gathering, "pretraining", sides.get)
    found = unlabelled(held=0.5, method="builtin")
    assert sorted(found.train) == sorted(train)
    assert {*found.valid, *found.test} <= set(valid)
    assert found.valid
    assert found.test
    assert unlabelled(size=5, held=0.5, method="builtin").train == found.train[:5]


def test_held_out_proteins_of_one_family_tell_no_interval(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    one = proteins_of(1, low=50)[0]
    sides = {"train": proteins_of(20), "valid": [changed(one, rng, 0.1) for _ in range(9)]}
    monkeypatch.setattr(gathering, "pretraining", sides.get)
    with pytest.raises(ValueError, match="2 families are needed to report on"):
        unlabelled(held=0.5, method="builtin")


def test_mmseqs_and_the_search_of_our_own_are_asked_both(monkeypatch):
    asked = []

    def search(judged, found, *, method, least):
        asked.append(method)
        return iter([np.array([len(asked) - 1])])

    monkeypatch.setattr(pool.neighbours, "method", lambda asked: "mmseqs")
    monkeypatch.setattr(pool.neighbours, "search", search)
    some = proteins_of(1, low=50)
    assert pool.relatives(some, some * 3) == {0, 1}
    assert asked == ["mmseqs", "builtin"]


# Broken off and taken up


def test_a_student_of_other_layers_has_another_folder(fasta, tmp_path):
    own = {"student__kind": "layers", "student__encoder": str(tmp_path / "src"), "folder": tmp_path}
    places = []
    for seed in (0, 1):
        tiny(tmp_path / "src", seed=seed)
        places.append(study_of(fasta, ("onehot",), **own).place)
    tiny(tmp_path / "src", seed=0)
    assert study_of(fasta, ("onehot",), **own).place == places[0] != places[1]


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_a_kill_leaves_the_bytes_and_the_weights_of_an_unbroken_run(fasta, tmp_path, monkeypatch):
    teacher = tiny(tmp_path / "teacher")
    monkeypatch.setattr(spoken, "PORTION", 400)
    words = {"train__epochs": 3, "student__kind": "transformer", "student__heads": 2}
    whole = study_of(fasta, (teacher,), folder=tmp_path / "whole", **words)
    want = taught(whole)

    class Killed(Exception):
        pass

    class Dying:
        """The teacher, killed at the third portion."""

        left = 2

        def __init__(self, name, **how):
            self.own = encoder(name, **how)
            self.name, self.width, self.digest = self.own.name, self.own.width, self.own.digest

        def encode(self, sequences):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return self.own.encode(sequences)

    with monkeypatch.context() as patch:
        patch.setattr(study, "encoder", Dying)
        with pytest.raises(Killed):
            study_of(fasta, (teacher,), folder=tmp_path / "broken", **words)
    broken = study_of(fasta, (teacher,), folder=tmp_path / "broken", **words)
    assert len(files_of(tmp_path / "broken" / "vectors")) == 2
    assert files_of(tmp_path / "broken" / "vectors") == files_of(tmp_path / "whole" / "vectors")

    def die(epoch, row):
        raise Killed

    with pytest.raises(Killed):
        taught(broken, log=die)
    rows = []
    again = taught(broken, log=lambda epoch, row: rows.append(epoch))
    assert rows == [1, 2]
    for name, weight in want.student.state_dict().items():
        assert torch.equal(weight, again.student.state_dict()[name]), name


def test_vectors_that_are_there_are_not_computed_again(fasta, tmp_path, monkeypatch):
    study_of(fasta, ("onehot",), folder=tmp_path)
    monkeypatch.setattr(Lookup, "encode", lambda *_: pytest.fail("asked again"))
    study_of(fasta, ("onehot",), folder=tmp_path)


# A student is an encoder


@pytest.mark.parametrize("kind", ["cnn", "transformer", "layers"])
@pytest.mark.parametrize("level", ["vectors", "residue"])
def test_its_folder_opens_with_the_vectors_that_it_learned(kind, level, tmp_path):
    torch.manual_seed(0)
    words = {"kind": kind, "level": level, "outputs": ("a",) if level == "residue" else ()}
    if kind == "layers":
        shape = {"vocabulary": 30, "width": 16, "layers": 2, "heads": 2, "hidden": 32, "mask": 29}
        words |= {"encoder": "tiny", "shape": shape, "tokens": tuple(range(4, 27))}
    student = Student(StudentConfig(width=16, layers=2, heads=2, window=20, dropout=0.0, **words))
    student.save_pretrained(tmp_path / "model")
    opened = encoder(str(tmp_path / "model"))
    sequences = ["MKV", "ACDEFGHIKLMNPQRSTVWYX" * 3, "A", "BJOUZ"]
    assert opened.width == 16
    for found, want in zip(opened.encode(sequences), rows_of(student)(sequences), strict=True):
        np.testing.assert_allclose(found, want, atol=2e-6)
    half = encoder(str(tmp_path / "model"), precision="bf16")
    np.testing.assert_allclose(half.encode(["MKV"])[0], opened.encode(["MKV"])[0], atol=0.1)
    assert len({half.digest, opened.digest, onehot().digest}) == 3
    with torch.no_grad():
        next(student.encoder.parameters()).add_(0.1)
    student.save_pretrained(tmp_path / "other")
    assert encoder(str(tmp_path / "other")).digest != opened.digest
    before = opened.digest
    if level == "residue":  # what only its head says changes no vector
        student = load(tmp_path / "model")
        student.head.out.bias.data.add_(1)
        student.save_pretrained(tmp_path / "model")
        assert encoder(str(tmp_path / "model")).digest == before


def test_a_folder_whose_weights_do_not_fit_is_refused(tmp_path):
    for kind in ("cnn", "transformer"):
        Student(StudentConfig(kind=kind, width=16, layers=2, heads=2)).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "layers": 3}))
        with pytest.raises(ValueError, match="weights do not fit config"):
            encoder(str(tmp_path))


def test_what_convolutions_cannot_do_is_refused(tmp_path):
    Student(StudentConfig(kind="cnn", width=8)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="layer is 4"):
        encoder(str(tmp_path), layer=2)
    with pytest.raises(ValueError, match="proteins whole"):
        encoder(str(tmp_path), window=50)
    with pytest.raises(ValueError, match="int8"):
        encoder(str(tmp_path), precision="int8")
    config = StudentConfig(kind="layers", encoder=str(tmp_path), layers=1)
    from protgraph.models.student import begin

    with pytest.raises(ValueError, match="no blocks"):
        begin(config)


# The whole way


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which the command line has distilled two small teachers, and what it printed."""
    folder = tmp_path_factory.mktemp("embedding")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    patch.setattr("protgraph.distilling.priced.sample", lambda proteins: proteins[:1])
    Path("some.fasta").write_text(
        "".join(f">p{i}\n{own}\n" for i, own in enumerate(proteins_of(40)))
    )
    teachers = [tiny(Path("one/model")), tiny(Path("two/model"), width=24, seed=1)]
    own = dict(recipe_of("some.fasta", (), student__kind="transformer", student__heads=2))
    own |= {"distil.teachers": [f"./{name}" for name in teachers], "train.epochs": 1}
    kept = {key: value for key, value in own.items() if known("embedding")[key] != value}
    Path("demo.yaml").write_text(json.dumps({**kept, "task": "embedding"}))
    said = []
    with pytest.MonkeyPatch.context() as spoken_to:
        spoken_to.setattr("builtins.print", lambda text, **_: said.append(text))
        assert main(["distill", "demo.yaml", "--json"]) == 0
    yield json.loads(next(text for text in said if text.startswith("{")))
    patch.undo()


def test_the_report_sets_the_student_beside_its_controls(done):
    # Both are called "model, layer 2": the recipe's own words tell them apart.
    assert list(done["rows"]) == ["./one/model", "./two/model"]
    for rows in done["rows"].values():
        assert [row["vectors"] for row in rows][:2] == ["student", "student, untrained"]
        assert len(rows) == 4
    assert [row["encoder"] for row in done["prices"]] == [
        "./one/model", "./two/model", "student", "student, share of all teachers",
    ]  # fmt: skip
    text = Path(done["folder"], "report.md").read_text()
    assert "no student of labels alone" in text
    assert f"vectors.encoder={done['model']}" in text
    mean = np.mean([rows[0]["cosine"][0] for rows in done["rows"].values()])
    assert done["cosine"] == pytest.approx(mean)


def test_the_student_can_be_used_registered_and_served(done, capsys):
    model = encoder(done["model"])
    assert main(["embed", "some.fasta", "-o", "vectors", "--encoder", done["model"]]) == 0
    card = Path(done["model"], "README.md").read_text()
    assert "one vector a residue" in card
    assert "./one/model, ./two/model" in card
    assert done["data"] in card
    np.testing.assert_array_equal(
        recalled(done["model"]).encode(["MKV"])[0], model.encode(["MKV"])[0]
    )
    assert register(done["run"], "small") == 1
    served = mlflow.pyfunc.load_model("models:/small/1")
    told = served.predict(pd.DataFrame({"sequence": ["MKVLY"]}))
    np.testing.assert_allclose(told["vector"][0], model.encode(["MKVLY"])[0].mean(0), atol=1e-5)
    with pytest.raises(ValueError, match="gives vectors"):
        resolved(Path(done["model"]))


def test_the_weights_are_those_of_the_best_epoch(done):
    kept = torch.load(Path(done["folder"], "checkpoint.pt"), weights_only=True)["kept"]
    for name, weight in load_file(Path(done["model"], "model.safetensors")).items():
        assert torch.equal(weight, kept[f"student.{name}"]), name


def test_the_other_verbs_refuse_the_recipe(done, capsys):
    assert main(["run", "demo.yaml"]) == 2
    assert "is trained by `protgraph distill`" in capsys.readouterr().err
    assert main(["distill", "pretrain/mini"]) == 2
    assert "has no student" in capsys.readouterr().err
    assert main(["plan", "demo.yaml", "--gpus", "1", "--memory", "80"]) == 2
    assert "needs an encoder" in capsys.readouterr().err


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student__kind": ""}, "student.kind is transformer, cnn or layers"),
        ({"student__kind": "layers"}, "student.encoder names whose first layers"),
        ({"student__encoder": "mini"}, "student.encoder names whose first layers"),
        ({"distil__teachers": ()}, "one encoder at least"),
        ({"distil__teachers": ("onehot", "onehot")}, "different encoders"),
        ({"distil__teachers": ("onehto",)}, "Did you mean onehot"),
        ({"distil__teachers": ("./nowhere",)}, "nowhere"),
        ({"distil__align": 0.0}, "distil.align is above 0"),
        ({"data__held": 0.01}, "4 held-out proteins"),
        ({"student__kind": "graph"}, "Unknown student 'graph'. There are: cnn"),
        ({"student__kernel": 4}, "kernel is an odd number from 3, got 4"),
        ({"student__kind": "transformer", "student__width": 10}, "twice the heads, got 10 and 4"),
        (
            {"student__kind": "layers", "student__encoder": "mini", "student__layers": 9},
            "mini has 6",
        ),
        ({"distil__precision": "int8"}, "distil.precision cannot be 'int8'"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message, fasta, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        study_of(fasta, changes.pop("distil__teachers", ("onehot",)), folder=tmp_path, **changes)
    assert not (tmp_path / "vectors").exists()  # no teacher was asked


def test_relations_need_one_rank(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "world", lambda: World(0, 2))
    with pytest.raises(ValueError, match="it needs ranks=1, got 2"):
        study_of(fasta, ("onehot",), folder=tmp_path, distil__relation=1.0)


def test_a_file_without_proteins_is_refused(tmp_path):
    path = tmp_path / "empty.fasta"
    path.write_text("")
    with pytest.raises(ValueError, match="the file is empty"):
        unlabelled(path)
    (tmp_path / "other.tsv").write_text("id\tsequenc\na\tMKV\n")
    with pytest.raises(ValueError, match="did you mean 'sequenc'"):
        unlabelled(tmp_path / "other.tsv")
    (tmp_path / "hole.tsv").write_text("id\tsequence\na\t\n")
    with pytest.raises(ValueError, match=r"hole\.tsv:2"):
        unlabelled(tmp_path / "hole.tsv")


def test_keys_of_the_family_are_its_own():
    with pytest.raises(ValueError, match=r"Unknown key student\.widht\. Did you mean student\.w"):
        Recipe({"task": "embedding", "student.widht": 3})
    with pytest.raises(ValueError, match=r"Unknown key model\.width"):
        Recipe({"task": "embedding", "model.width": 3})
    with pytest.raises(ValueError, match=r"Unknown key data\.held"):
        Recipe({"task": "zinc-site", "data.held": 0.2})
    with pytest.raises(ValueError, match=r"data\.held cannot be 0\.9"):
        Recipe({"task": "embedding", "data.held": 0.9})
    assert (
        Recipe({"task": "embedding"}).digest
        != Recipe({"task": "embedding", "student.width": 64}).digest
    )


def test_the_number_to_watch_is_the_mean_cosine(fasta, tmp_path):
    own = study_of(fasta, ("onehot",), folder=tmp_path)
    student, history = taught(own)
    learner = Learner(student, own.teachers)
    state = torch.load(own.place / "checkpoint.pt", weights_only=True)["kept"]
    learner.load_state_dict(state)
    (found,) = cosines(learner, own.teachers, own.proteins.valid)
    assert found == pytest.approx(history.rows[history.best]["cosine"])
