import json
import lzma

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from protgraph import cli
from protgraph.data.corpora import pretraining
from protgraph.language.encoder import encoder
from protgraph.recipe import Recipe
from protgraph.track.registry import register

KEYS = {
    "task": "masked-lm", "pretrain.width": 16, "pretrain.layers": 1, "pretrain.heads": 2,
    "pretrain.tokens": 2048, "pretrain.batch": 256, "pretrain.micro": 256, "pretrain.crop": 32,
    "pretrain.crop_late": 64, "pretrain.every": 4,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small pretraining set and a fresh MLflow store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "pretrain").mkdir()
    generator = np.random.default_rng(0)
    for name, count in (("train_0", 30), ("train_1", 20), ("valid", 10)):
        with lzma.open(tmp_path / "pretrain" / f"{name}.tsv.xz", "wt") as file:
            for i in range(count):
                protein = "".join(generator.choice(list("ACDEFGHIKL"), 50))
                file.write(f"made up\t{name}-{i}\t{protein}\n")
    lines = [f"{key}: {value}" for key, value in KEYS.items()]
    (tmp_path / "tiny.yaml").write_text("\n".join(lines))
    return tmp_path


def test_a_side_is_read_from_all_of_its_files(folder):
    assert len(pretraining("train")) == 50
    assert {len(protein) for protein in pretraining("valid")} == {50}
    with pytest.raises(ValueError, match="train or valid, got 'test'"):
        pretraining("test")


def test_a_recipe_trains_measures_saves_and_is_remembered(folder, capsys):
    import mlflow

    words = ["run", str(folder / "tiny.yaml"), "--folder", str(folder / "runs"), "--json"]
    assert cli.main(words) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["task"] == "masked-lm"
    assert 1 < said["unigram"] < 11
    assert said["perplexity"] == pytest.approx(said["by_piece"]["256"])
    assert said["tokens"] == 2048
    tracked = mlflow.get_run(said["run"])
    assert tracked.data.metrics["valid_perplexity"] == pytest.approx(said["perplexity"])
    assert tracked.data.params["pretrain.width"] == "16"
    model = encoder(f"{said['folder']}/model")
    assert model.encode(["MKV"])[0].shape == (3, 16)
    assert model.window == 62
    card = json.loads((folder / said["folder"] / "model" / "card.json").read_text())
    assert card["perplexity"] == said["perplexity"]
    assert register(said["run"], "tiny") == 1
    served = mlflow.pyfunc.load_model("models:/tiny/1")
    assert served.metadata.get_input_schema().input_names() == ["sequence", "name"]
    assert served.metadata.saved_input_example_info
    rows = pd.DataFrame({"sequence": ["mkv*", "M1", None, "ACDE" * 40], "name": [*"ab", None, "d"]})
    told = served.predict(rows)
    assert list(told.columns) == ["row", "name", "vector", "error"]
    assert told["name"].tolist() == ["a", "b", "row-2", "d"]
    for row, sequence in ((0, "MKV"), (3, "ACDE" * 40)):
        want = model.encode([sequence])[0].mean(axis=0)
        np.testing.assert_allclose(told["vector"][row], want, atol=1e-5)
    assert told["vector"][1] is told["vector"][2] is told["error"][0] is None
    assert told["error"][1] == "b: a sequence is written in the letters A to Z, got '1' at 2."
    assert told["error"][2] == "Row 2: sequence is empty."
    with pytest.raises(MlflowException, match="sequence"):
        served.predict(pd.DataFrame({"structure": ["MKV"]}))


def test_keys_of_the_other_kind_of_recipe_are_refused():
    with pytest.raises(ValueError, match=r"Unknown key pretrain\.widht\. Did you mean pretrain\.w"):
        Recipe({**KEYS, "pretrain.widht": 8})
    with pytest.raises(ValueError, match=r"Unknown key model\.width"):
        Recipe({**KEYS, "model.width": 8})
    with pytest.raises(ValueError, match=r"Unknown key pretrain\.width"):
        Recipe({"task": "zinc-site", "pretrain.width": 8})
    with pytest.raises(ValueError, match=r"pretrain\.width cannot be 15"):
        Recipe({**KEYS, "pretrain.width": 15})
