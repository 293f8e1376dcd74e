import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from protgraph.train.checkpoint import CHECKPOINT
from protgraph.train.masked import perplexity
from protgraph.train.pretrain import Corpus, Settings, pretrain

TINY = {
    "width": 16, "layers": 1, "heads": 2, "tokens": 64 * 32, "batch": 256, "micro": 128,
    "crop": 32, "crop_late": 64, "every": 2, "precision": "fp32",
}  # fmt: skip


def proteins(count=20, seed=0):
    """Proteins in which every second letter is told by the one before it."""
    generator = np.random.default_rng(seed)
    pairs = ["AC", "DE", "FG", "HI", "KL", "MN"]
    return ["".join(generator.choice(pairs, 40)) for _ in range(count)]


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


# AdamW learns in these few steps which letters there are, Muon also which stand together.
@pytest.mark.parametrize(("muon", "steps", "most"), [(True, 150, 8), (False, 80, 15)])
def test_it_learns_what_neighbours_tell(tmp_path, muon, steps, most):
    settings = Settings(**TINY | {"tokens": 256 * steps, "rate": 1e-2, "muon": muon, "width": 32})
    rows = []
    model = pretrain(
        proteins(200),
        proteins(20, seed=1),
        settings,
        folder=tmp_path,
        log=lambda step, row: rows.append((step, row["perplexity"])),
    )
    final, _ = perplexity(model, Corpus(proteins(20, seed=1)))
    assert final < most < rows[0][1]
    assert rows[-1][0] == steps


def test_a_run_that_is_taken_up_again_ends_with_the_same_weights(tmp_path):
    settings = Settings(**TINY)
    whole = weights(pretrain(proteins(), proteins(4), settings, folder=tmp_path / "whole"))

    class Stop(Exception):
        pass

    def stop(step, row):
        if step == 4:
            raise Stop

    with pytest.raises(Stop):
        pretrain(proteins(), proteins(4), settings, folder=tmp_path / "cut", log=stop)
    again = weights(pretrain(proteins(), proteins(4), settings, folder=tmp_path / "cut"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_numbers_of_a_run_that_is_taken_up_are_of_its_own_steps(tmp_path):
    def losses(folder, steps, every):
        rows = {}
        flat = {"warmup": 0.0, "cooldown": 0.0, "every": every, "tokens": 256 * steps}
        pretrain(
            proteins(), proteins(4), Settings(**TINY | flat), folder=tmp_path / folder,
            log=lambda step, row: rows.update({step: row["loss"]}),
        )  # fmt: skip
        return rows

    each = losses("whole", 5, 1)
    assert losses("cut", 3, 2) == pytest.approx({2: (each[1] + each[2]) / 2, 3: each[3]})
    assert losses("cut", 5, 2) == pytest.approx({4: each[4], 5: each[5]})


def test_a_killed_run_is_taken_up_again(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "from test_pretrain import TINY, proteins\n"
        "from protgraph.train.pretrain import Settings, pretrain\n"
        "say = lambda step, row: print(step, flush=True)\n"
        "settings = Settings(**TINY | {'tokens': 256 * 4000, 'warmup': 0.0, 'cooldown': 0.0})\n"
        "pretrain(proteins(), proteins(4), settings, folder=Path(sys.argv[1]), log=say)\n"
    )
    here = os.path.dirname(__file__)  # noqa: PTH120
    run = [sys.executable, "-c", code, str(tmp_path), here]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 6:
                process.send_signal(signal.SIGKILL)
                break
    stored = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    target = Settings(
        **TINY | {"tokens": 256 * (stored["step"] + 3), "warmup": 0.0, "cooldown": 0.0}
    )
    again = weights(pretrain(proteins(), proteins(4), target, folder=tmp_path))
    whole = weights(pretrain(proteins(), proteins(4), target, folder=tmp_path / "whole"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_rates_rise_stay_and_fall():
    settings = Settings(tokens=1000 * 16_384, warmup=0.1, cooldown=0.2)
    rates = [settings.factor(step) for step in range(1000)]
    assert rates[0] == 0.01
    assert rates[99:800] == [1.0] * 701
    assert rates[900] == pytest.approx(0.5)
    assert 0 < rates[999] < 0.01
    assert settings.longest(799) == settings.crop
    assert settings.longest(800) == settings.crop_late


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 10), ("layers", 0), ("tokens", 1), ("crop", 8), ("rate", 0.0), ("seed", -1)],
)
def test_a_setting_out_of_range_is_named(key, value):
    with pytest.raises(ValueError, match=f"pretrain.{key} cannot be {value}"):
        Settings(**TINY | {"heads": 4, key: value})


def test_checkpoints_of_other_settings_and_damaged_ones_are_refused(tmp_path):
    pretrain(proteins(), proteins(4), Settings(**TINY), folder=tmp_path)
    with pytest.raises(ValueError, match="a checkpoint of other settings"):
        pretrain(proteins(), proteins(4), Settings(**TINY | {"rate": 1e-3}), folder=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"no")
    with pytest.raises(ValueError, match="a damaged checkpoint"):
        pretrain(proteins(), proteins(4), Settings(**TINY), folder=tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    settings = Settings(**TINY | {"rate": 1e30, "warmup": 0.0})
    with pytest.raises(FloatingPointError, match=r"a smaller pretrain\.rate"):
        pretrain(proteins(), proteins(4), settings, folder=tmp_path)
