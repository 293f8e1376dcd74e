"""Training on one rank of several, for the tests that start this file once a rank."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from small import PLAIN, items, loss_of, network, numbers, watch

from protgraph.train import ranks
from protgraph.train.engine import DeepSpeedEngine
from protgraph.train.how import How
from protgraph.train.launch import follow_launcher
from protgraph.train.loop import Settings, fit

EPOCHS = 4


def dealt(epoch):
    """Batches of an epoch: of three, one has labels in its first items alone, one none."""
    return [items(9, 10 * epoch), items(7, 10 * epoch + 1, labelled=2), items(5, 3, labelled=0)]


def own(epoch):
    """This rank's part of every batch; where ranks are two, one of them has no label at times."""
    rank, many = ranks.world()
    parts = []
    for x, y in dealt(epoch):
        # Unequal parts: two items for the last rank, the rest for the others.
        cut = [len(x) - 2, 2] if many == 2 else [len(x)]
        parts.append((x.split(cut)[rank], y.split(cut)[rank]))
    # One item alone, for which the last rank is kept in step.
    single = items(1, 10 * epoch + 2)
    return [*parts, ranks.Idle(single) if rank else single]


def fitted(folder, how, **settings):
    model = network(seed=0)
    history = fit(
        model, own, loss=loss_of(model), evaluate=watch(model), folder=folder,
        settings=Settings(**{**PLAIN, "epochs": EPOCHS, "how": how, **settings}),
    )  # fmt: skip
    return model, numbers(history)


def pretrained(folder, how, **settings):
    from test_pretrain import TINY, proteins

    from protgraph.train.pretrain import Settings, pretrain

    rows = []
    with live() as weights:
        model = pretrain(
            proteins(), proteins(4),
            Settings(**{**TINY, "tokens": 256 * 6, "how": how, **settings}), folder=folder,
            log=lambda step, row: rows.append([row["loss"], row["perplexity"]]),
        )  # fmt: skip
    exported = folder / f"exported-{ranks.world().rank}.safetensors"
    save_file(model.state_dict(), exported)
    for name, weight in load_file(exported).items():
        assert torch.equal(weight, weights.get(name, weight)), name
    return model, rows


@contextmanager
def live():
    """What DeepSpeed itself has for the weights at the end, by its own account."""
    weights, finish = {}, DeepSpeedEngine.finish

    def asked(engine, whole):
        from deepspeed.utils import safe_get_full_fp32_param

        if engine.stage:
            named = engine.model.named_parameters()
            weights.update({name: safe_get_full_fp32_param(own).clone() for name, own in named})
        finish(engine, whole)

    DeepSpeedEngine.finish = asked
    yield weights
    DeepSpeedEngine.finish = finish


WORDS = ["model.dropout=0", "train.precision=fp32", "data.batch=400", "train.epochs=2"]


def recipe_of(name, how, *words):
    """A recipe on a small set of planted sites."""
    from protgraph import recipe
    from protgraph.data.sets import SETS
    from protgraph.data.sites import planted

    SETS["planted-site"] = lambda *, gaps=True: planted(count=20)
    keys = [f"{key}={value}" for key, value in how.items()]
    return recipe.load(f"planted_site/{name}", [*WORDS, *words, *keys])


def learned(folder, how):
    from protgraph.running.learn import learn
    from protgraph.running.question import question

    settings, _ = recipe_of("egnn", how, "model.width=16", "model.layers=1")
    own = learn(settings, *question(settings), folder=folder)
    return own.model, numbers(own.history)


def distilled(folder, how, name="student", words=("student.width=16", "student.layers=2")):
    from protgraph import resolve
    from protgraph.distilling import distil, tuition

    teacher = "planted_site/egnn train.epochs=1 model.width=16 model.layers=1 data.batch=400"
    settings, name = recipe_of(
        name, how, f"distil.teachers=[{teacher}]", "distil.align=0.5", *words,
    )  # fmt: skip
    cell = distil.student(tuition.gathered(settings, name, folder))
    return resolve.load(distil.model_of(cell)).model, [cell.summary["valid"]]


KINDS = {"fit": fitted, "pretrain": pretrained, "learn": learned, "distil": distilled}


def main():
    """Do every case of a list, one after another, in one start of the ranks."""
    torch.set_num_threads(1)
    follow_launcher()
    ranks.join(1)
    for case in json.loads(sys.argv[1]):
        how = case.get("how", {})
        how = how if case["kind"] in ("learn", "distil") else How(**how)
        folder = Path(case["folder"]) if "folder" in case else None
        with tempfile.TemporaryDirectory() as spare:
            place = folder or Path(spare)
            place.mkdir(parents=True, exist_ok=True)
            if folder is None:
                place = Path(ranks.told(str(place)))
            model, rows = KINDS[case["kind"]](place, how, **case.get("settings", {}))
            ranks.wait()
        if not ranks.world().rank:
            flat = torch.cat([p.detach().ravel() for p in model.parameters()])
            np.savez(case["result"], weights=flat.numpy(), rows=json.dumps(rows))
    ranks.leave()


if __name__ == "__main__":
    main()
