"""A student: padding changes nothing, it saves itself whole, and it is found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph import resolve
from protgraph.cli import main
from protgraph.language.convolution import field
from protgraph.language.encoder import encoder
from protgraph.models import lora
from protgraph.models.kinds import KINDS
from protgraph.models.letters import PAD, encode
from protgraph.models.student import Student, StudentConfig, begin, load
from protgraph.predict import Predictor
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein
from protgraph.structure.residues import LETTERS
from protgraph.tasks.probability import applied

SEQUENCES = ["MKVLAHC", "A", "GXSTNQDERHKPW" * 3, "ACDE"]
LINE = {"slopes": [0.5, 2.0], "intercepts": [-1.0, 0.25], "own": [True, False]}
EXPECTED = {"zinc": {"precision": [0.9, 0.8, 0.95], "recall": [0.7, 0.6, 0.8]}}
TINY = {"vocabulary": 23, "width": 16, "layers": 2, "heads": 2, "hidden": 32}
"""Of a language network with the letters in their own order."""


def config_of(kind="cnn", **changes):
    own = {"task": "site", "outputs": ("zinc", "iron"), "width": 16, "layers": 2, "window": 30}
    if kind == "layers":
        own |= {"encoder": "tiny", "shape": TINY, "tokens": range(23)}
    return StudentConfig(kind=kind, **{**own, **changes})


def student_of(kind="cnn", **changes):
    torch.manual_seed(0)
    return Student(config_of(kind, **changes)).eval()


@pytest.fixture(params=[(kind, level) for kind in KINDS for level in ("residue", "protein")],
                scope="module", ids="-".join)  # fmt: skip
def student(request):
    kind, level = request.param
    return student_of(kind, level=level)


@pytest.fixture
def saved(tmp_path):
    made = student_of(
        calibration=LINE, thresholds=(0.5, 0.25), expected=EXPECTED, teacher="zinc-site",
        licence="mit", given="the chain binds zinc", card={"auprc": 0.5},
    )  # fmt: skip
    made.save_pretrained(tmp_path / "student")
    return tmp_path / "student"


def same(one, two):
    """Whether two students have the same weights under the same names."""
    ours, theirs = one.state_dict(), two.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


# What it computes


@torch.inference_mode()
def test_outputs_have_the_shapes_that_are_promised(student):
    ids, mask = encode(SEQUENCES)
    out = student(ids, mask)
    rows = (4, 39) if student.config.level == "residue" else (4,)
    assert out.logits.shape == (*rows, 2)
    assert out.vectors.shape == (4, 39, 16)
    assert out.pooled.shape == (4, 16)
    assert not out.vectors[mask == 0].any()
    assert torch.allclose(out.pooled[0], out.vectors[0, :7].mean(0), atol=1e-6)


@torch.inference_mode()
def test_a_batch_is_many_single_proteins(student):
    ids, mask = encode(SEQUENCES)
    together = student(ids, mask)
    for i, sequence in enumerate(SEQUENCES):
        alone = student(*encode([sequence]))
        n = len(sequence)
        logits = together.logits[i, :n] if student.config.level == "residue" else together.logits[i]
        assert torch.allclose(logits, alone.logits[0], atol=1e-5)
        assert torch.allclose(together.vectors[i, :n], alone.vectors[0], atol=1e-5)
        assert torch.allclose(together.pooled[i], alone.pooled[0], atol=1e-5)


@torch.inference_mode()
def test_more_padding_and_what_stands_in_it_change_nothing(student):
    ids, mask = encode(SEQUENCES)
    wide = torch.nn.functional.pad(ids, (0, 50), value=PAD)
    want = student(ids).pooled
    assert torch.allclose(student(wide).pooled, want, atol=1e-5)
    filled = torch.where(mask.bool(), ids, 7)
    assert torch.allclose(student(filled, mask).pooled, want, atol=1e-5)


@given(st.permutations(range(4)), st.sampled_from([1, 50, 4000]))
@settings(max_examples=6)
def test_neither_order_nor_budget_changes_a_score(order, budget):
    made = student_of()
    want = made.scores(SEQUENCES)
    found = made.scores([SEQUENCES[i] for i in order], budget=budget)
    for place, i in enumerate(order):
        assert np.allclose(found[place], want[i], atol=1e-5)


def test_no_protein_gives_no_score():
    assert student_of().scores([]) == []


@torch.inference_mode()
def test_the_order_of_letters_and_every_letter_matter(student):
    pooled = student(*encode(["MKVLAHC", "CHALVKM", "MKVLAHD"])).pooled
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3
    assert (pooled[0] - pooled[2]).abs().max() > 1e-3


@torch.inference_mode()
def test_a_cnn_sees_its_field_and_nothing_beyond():
    made = student_of(layers=4, kernel=5)
    reach = field(4, 5) // 2
    assert field(4, 5) == 161
    plain = "A" * 200
    changed = "W" + plain[1:]
    one, two = (made(*encode([s])).vectors[0] for s in (plain, changed))
    moved = (one - two).abs().amax(1) > 1e-7
    assert moved[: reach + 1].all()  # no residue of the field is left out
    assert not moved[reach + 1 :].any()


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["transformer", "layers"])
def test_a_long_protein_is_the_mean_of_its_windows(kind):
    made = student_of(kind, window=4)
    vectors = made(*encode(["MKVLAH"])).vectors[0]
    first, second = (made(*encode([s])).vectors[0] for s in ("MKVL", "VLAH"))
    assert torch.allclose(vectors[:2], first[:2], atol=1e-6)
    assert torch.allclose(vectors[2:4], (first[2:] + second[:2]) / 2, atol=1e-6)
    assert torch.allclose(vectors[4:], second[2:], atol=1e-6)


def test_ten_thousand_residues_are_read_to_the_end():
    long = "MKVLAHCDEF" * 1000
    (scores,) = student_of().scores([long])
    (other,) = student_of().scores([long[:-1] + "W"])
    assert scores.shape == (10_000, 2)
    assert abs(scores[-1] - other[-1]).max() > 1e-4


def test_every_weight_receives_a_gradient(student):
    out = student(*encode(["".join(LETTERS), "MK"]))
    (out.logits.square().sum() + out.pooled.square().sum()).backward()
    without = [n for n, p in student.named_parameters() if p.grad is None]
    student.zero_grad()
    assert without == []


@pytest.mark.parametrize("changes", [{}, {"exclusive": True}, {"value": True}])
def test_scores_are_bounded_as_the_task_says(changes):
    made = student_of(**changes)
    (scores,) = made.scores(["MKV"])
    with torch.inference_mode():
        raw = made(*encode(["MKV"])).logits[0]
    want = {(): raw.sigmoid(), ("exclusive",): raw.softmax(1), ("value",): raw}[tuple(changes)]
    assert np.allclose(scores, want, atol=1e-6)


# Saving


def test_what_was_saved_comes_back(student, tmp_path):
    student.save_pretrained(tmp_path)
    again = load(tmp_path)
    assert same(student, again)
    assert again.config.outputs == ("zinc", "iron")
    assert not again.training
    for one, two in zip(student.scores(SEQUENCES), again.scores(SEQUENCES), strict=True):
        assert np.array_equal(one, two)


def test_a_folder_holds_json_safetensors_and_the_card_alone(saved):
    assert sorted(p.name for p in saved.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert json.loads((saved / "config.json").read_text())["model_type"] == "protgraph-student"
    assert "auto_map" not in (saved / "config.json").read_text()


def test_transformers_own_doors_open_it(saved):
    from transformers import AutoConfig, AutoModel

    assert AutoConfig.from_pretrained(saved).teacher == "zinc-site"
    made = AutoModel.from_pretrained(saved)
    assert type(made) is Student
    assert same(made, load(saved))


def test_the_card_says_what_a_reader_needs(saved):
    text = (saved / "README.md").read_text()
    assert text.startswith("---\nlicense: mit\n")
    for line in (
        "# site", "- site: residue scores zinc, iron", "- taught by: zinc-site",
        "- threshold of zinc: 0.5", "- auprc: 0.5",
        "- calibration: " + json.dumps(LINE, sort_keys=True),
        "- scores hold given that the chain binds zinc",
        "- expected of zinc: " + json.dumps(EXPECTED["zinc"]),
    ):  # fmt: skip
        assert line in text.splitlines()


def test_the_code_in_the_card_runs(saved, tmp_path, monkeypatch, capsys):
    code = (saved / "README.md").read_text().split("```python\n")[1].split("```")[0]
    (tmp_path / "proteins.fasta").write_text(">a\nMKV\n")
    monkeypatch.chdir(tmp_path)
    exec(code.replace("FOLDER OR HUB ID", str(saved)), {})
    assert "zinc_score" in capsys.readouterr().out


def test_pushing_uploads_the_card_with_the_weights(saved, monkeypatch):
    import huggingface_hub

    seen = []

    class Hub:
        def __init__(self, token):
            seen.append(token)

        def create_repo(self, repo_id, private, exist_ok):
            seen.append((repo_id, private, exist_ok))

        def upload_folder(self, repo_id, folder_path):
            card = Path(folder_path, "README.md").read_text()
            seen.append((repo_id, sorted(p.name for p in Path(folder_path).iterdir()), card))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    load(saved).push_to_hub("me/zinc", private=True, token="none")
    assert seen[:2] == ["none", ("me/zinc", True, True)]
    files = ["README.md", "config.json", "model.safetensors"]
    assert seen[2] == ("me/zinc", files, (saved / "README.md").read_text())


def test_weights_that_do_not_fit_are_refused(saved):
    stored = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**stored, "layers": 3}))
    with pytest.raises(ValueError, match=r"weights do not fit config\.json: missing_keys encoder"):
        load(saved)
    (saved / "config.json").write_text(json.dumps({**stored, "layers": 1}))
    with pytest.raises(ValueError, match="unexpected_keys encoder"):
        load(saved)
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="student"):
        load(saved)


def test_pickled_weights_are_never_read(saved):
    torch.save(load(saved).state_dict(), saved / "pytorch_model.bin")
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="safetensors"):
        load(saved)


# The first layers of an encoder


@pytest.fixture(scope="module")
def mini():
    return begin(config_of("layers", encoder="mini", layers=6, shape=None)).eval()


@torch.inference_mode()
def test_all_layers_of_mini_are_mini(mini):
    sequences = ["MKVLAHC", "ACDEFGHIKL"]
    vectors = mini(*encode(sequences)).vectors
    for row, want in zip(vectors, encoder("mini").encode(sequences), strict=True):
        assert np.allclose(row[: len(want)], want, atol=1e-5)
    assert mini.config.window == 510
    assert all(p.requires_grad for p in mini.parameters())


@torch.inference_mode()
def test_fewer_layers_are_the_first_ones_and_the_final_norm(mini):
    made = begin(config_of("layers", encoder="mini", layers=2, shape=None)).eval()
    (want,) = encoder("mini", layer=2).encode(["MKVLAHC"])
    want = mini.encoder.network.last(torch.from_numpy(want))
    assert torch.allclose(made(*encode(["MKVLAHC"])).vectors[0], want, atol=1e-5)
    assert len(made.encoder.network.blocks) == 2


def adapted(rank=2):
    made = student_of("layers")
    lora.adapt(made.encoder, rank)
    made.config.rank = rank
    return made


@torch.inference_mode()
def test_an_adaptation_begins_as_nothing():
    ids, _ = encode(SEQUENCES)
    assert torch.equal(adapted()(ids).logits, student_of("layers")(ids).logits)


def moved(made):
    """Differences that a training might have left."""
    with torch.no_grad():
        for name, p in made.named_parameters():
            if name.endswith(".b"):
                p.normal_()
    return made


@torch.inference_mode()
def test_merging_gives_a_plain_student_that_says_the_same():
    made = moved(adapted())
    ids, _ = encode(SEQUENCES)
    before = made(ids).logits
    assert (before - student_of("layers")(ids).logits).abs().max() > 1e-2
    made.merge()
    assert torch.allclose(made(ids).logits, before, atol=1e-5)
    assert made.state_dict().keys() == student_of("layers").state_dict().keys()
    assert all(p.requires_grad for p in made.parameters())
    assert made.config.rank == 0


def test_an_adapted_student_is_saved_with_its_differences(tmp_path):
    made = moved(adapted())
    made.save_pretrained(tmp_path)
    again = load(tmp_path)
    assert same(made, again)
    trained = [{n for n, p in one.named_parameters() if p.requires_grad} for one in (made, again)]
    assert trained[0] == trained[1]
    assert {n.split(".")[-1] for n in trained[0] if n.startswith("encoder")} == {"a", "b"}
    assert any(n.startswith("head") for n in trained[0])


def test_begin_adapts_where_a_rank_is_asked_for(mini):
    made = begin(config_of("layers", encoder="mini", layers=1, shape=None, rank=4))
    assert made.config.rank == 4
    block = made.encoder.network.blocks[0]
    assert torch.equal(block.up.base.weight, mini.encoder.network.blocks[0].up.weight)
    assert not block.up.base.weight.requires_grad


# By its name, like any other model


def test_a_folder_and_a_fasta_give_calibrated_predictions(saved, tmp_path):
    fasta = tmp_path / "two.fasta"
    fasta.write_text(">a\nmkv*\n>b\nACDUEF\n")
    predictor = resolve.load(saved)
    one, two = predictor.predict(fasta)
    raw = load(saved).scores(["MKV", "ACDXEF"])
    assert np.allclose(one.scores, applied(LINE, raw[0]), atol=1e-6)
    assert np.allclose(two.scores, applied(LINE, raw[1]), atol=1e-6)
    assert one.thresholds == (0.5, 0.25)
    assert one.expected == EXPECTED
    assert one.encoder == "none"
    assert one.scale.endswith("by a line of its own); from the sequence alone")
    assert "# scores: probabilities" in one.tsv()
    assert "from the sequence alone" in predictor.describe()


@pytest.mark.parametrize("level", ["residue", "protein"])
def test_a_structure_is_read_for_its_sequence_and_every_residue_is_answered(level, tmp_path):
    student_of(level=level).save_pretrained(tmp_path / "student")
    backbone = np.array(synthetic.protein(0, length=60).backbone)
    backbone[10:13] = np.nan
    whole = synthetic.protein(0, length=60, name="made")
    part = Protein("made", whole.sequence, backbone)
    predictor = resolve.load(tmp_path / "student")
    of_whole, of_part = predictor.predict(whole), predictor.predict(part)
    assert np.isfinite(of_part.scores).all()
    assert np.array_equal(of_whole.scores, of_part.scores)
    (tmp_path / "made.pdb").write_text(write.pdb(whole))
    (of_file,) = predictor.predict(tmp_path / "made.pdb")
    assert np.allclose(of_file.scores, of_whole.scores, atol=1e-6)


def test_the_command_line_reads_fasta_and_says_what_was_looked_at(saved, tmp_path, capsys):
    (tmp_path / "one.fasta").write_text(">a\nMKV\n")
    assert main(["predict", str(saved), str(tmp_path / "one.fasta")]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("a\t\t3\t2\tV\t0\t0.")
    assert "scores come from the sequence alone" in said.err


def test_a_graph_model_asked_for_a_fasta_says_that_it_needs_a_structure(tmp_path, capsys):
    (tmp_path / "one.fasta").write_text(">a\nMKV\n")
    assert main(["predict", "zinc-site", str(tmp_path / "one.fasta")]) == 2
    (line,) = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error")]
    assert "Give a PDB or mmCIF file, or ask a model that reads the sequence alone" in line


def test_a_served_student_reads_the_column_sequence(saved):
    from protgraph.serve import pyfunc

    config = load(saved).config
    assert pyfunc.signature(config).inputs.input_names() == ["sequence", "name"]
    served = pyfunc.Served()
    served.load_context(type("Context", (), {"artifacts": {"model": str(saved)}}))
    said = served.predict(None, pd.DataFrame({"sequence": ["MKV"], "name": ["a"]}))
    want = resolve.load(saved).predict(Protein("a", "MKV")).scores
    assert said["zinc_score"].tolist() == pytest.approx(want[:, 0].tolist())
    assert said.columns.tolist() == pyfunc.columns(config)


def test_a_calibration_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="odd: "):
        Predictor(student_of(calibration={"slopes": [1.0]}), "odd")


# What is refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "rnn"}, r"Unknown student 'rnn'. There are: cnn, transformer, layers"),
        ({"level": "pair"}, "no student for level 'pair': residue, protein"),
        ({"outputs": ("a", "a")}, "outputs are different names"),
        ({"outputs": ()}, "outputs are different names"),
        ({"kernel": 4}, "kernel is an odd number from 3, got 4"),
        ({"layers": 0}, "layers is 1 or more, got 0"),
        ({"window": 1}, "window is 2 or more, got 1"),
        ({"rank": 2}, "rank is from 0, and 0 for kind cnn, got 2"),
        ({"kind": "transformer", "width": 20}, "twice the heads, got 20 and 4"),
        ({"kind": "layers", "encoder": ""}, "needs the encoder whose layers they are"),
    ],
)
def test_a_student_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        config_of(**changes)


def test_layers_of_an_encoder_are_opened_by_begin_alone(tmp_path):
    with pytest.raises(ValueError, match="is made by `begin`, which opens mini"):
        Student(config_of("layers", encoder="mini", shape=None))
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"{nowhere}: there is no such folder"):
        begin(config_of("layers", encoder=nowhere, shape=None))
    with pytest.raises(ValueError, match="mini has 6 layers, got layers 7"):
        begin(config_of("layers", encoder="mini", layers=7, shape=None))


@pytest.mark.parametrize("sequence", ["mkv", "MK-V", "MKV*", ""])
def test_letters_that_are_none_are_refused(sequence):
    with pytest.raises(ValueError, match="Sequence 1"):
        student_of().scores(["MKV", sequence])


def test_padding_before_or_inside_a_protein_is_refused():
    made = student_of()
    ids = torch.zeros(1, 3, dtype=torch.long)
    for mask in ([0, 1, 1], [1, 0, 1], [0, 0, 0]):
        with pytest.raises(ValueError, match="residues, one at least, then padding"):
            made(ids, torch.tensor([mask]))


def test_a_rank_that_no_difference_has_is_refused():
    with pytest.raises(ValueError, match=r"of 3 by 2 numbers is 2 at most, got 3"):
        lora.Adapted(torch.nn.Linear(3, 2), 3)
    lora.Adapted(torch.nn.Linear(3, 2), 2)


def test_rank_zero_and_a_second_adaptation_are_refused():
    with pytest.raises(ValueError, match="1 at least, got 0"):
        lora.adapt(student_of("layers").encoder, 0)
    with pytest.raises(ValueError, match="adapted once"):
        lora.adapt(adapted().encoder, 1)
