"""A version takes the place of another only where it is not worse on the same proteins."""

import json

import mlflow
import numpy as np
import pytest
from recorded import Y, logged

from protgraph.cli import main
from protgraph.running import promotion
from protgraph.running.promotion import promote
from protgraph.tasks import statistics
from protgraph.tasks.metrics import auprc
from protgraph.track import aliases, names, registry
from protgraph.track.aliases import rollback

RIGHT = Y * 0.5 + 0.25


def turned(families):
    """Right scores, turned round in some families."""
    said = RIGHT.copy()
    said[: 2 * families] = 1 - said[: 2 * families]
    return said


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A registry and runs: right, equal, worse everywhere, worse in one family, other splits."""
    folder = tmp_path_factory.mktemp("promotion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        logged(folder, "right", RIGHT)
        logged(folder, "equal", RIGHT, seed=1)
        logged(folder, "worse", turned(20), seed=2)
        logged(folder, "nearly", turned(1), seed=3)
        logged(folder, "elsewhere", RIGHT, seed=4, split="other")
        yield folder


@pytest.fixture
def ladder(store, request):
    """A name with versions 1 to 5 of those runs, of which none counts yet."""
    name = request.node.name
    for run in ("right", "equal", "worse", "nearly", "elsewhere"):
        registry.register(run, name)
    return name


def champion(name):
    return names.find(f"{name}@champion").number


def told(name, version):
    return json.loads(names.find(f"models:/{name}/{version}").tags["champion.interval"])


def test_the_first_version_is_promoted_whatever_it_scores(ladder):
    verdict = promote(ladder, 3)
    assert (verdict.against, verdict.interval, champion(ladder)) == (None, None, 3)
    assert verdict.text() == f"{ladder}: version 3 is champion, the first one"


def test_a_reason_is_kept_also_where_nothing_had_to_be_forced(ladder):
    for version in (1, 2):
        promote(ladder, version, force="a trial")
        tags = names.find(f"models:/{ladder}/{version}").tags
        assert tags["champion.forced"] == "a trial"


def test_a_version_that_is_no_worse_is_promoted_and_its_interval_kept(ladder):
    promote(ladder, 1)
    verdict = promote(ladder, 2)
    assert champion(ladder) == 2
    assert verdict.interval == (0, 0, 0)
    kept = told(ladder, 2)
    assert (kept["against"], kept["difference"], kept["refused"]) == (1, [0, 0, 0], "")


def test_a_version_whose_whole_interval_is_below_zero_is_refused(ladder):
    promote(ladder, 1)
    with pytest.raises(ValueError, match=r"version 3 is not promoted .* below 0 \(auprc less"):
        promote(ladder, 3, margin=1.0)
    assert champion(ladder) == 1
    families = np.repeat(np.arange(20), 2)
    other = statistics.paired(auprc, Y[:, 0], turned(20)[:, 0], RIGHT[:, 0], families)
    assert told(ladder, 3)["difference"] == pytest.approx(list(other))
    assert other.high < 0


def test_a_mean_loss_beyond_the_margin_is_refused_and_within_it_is_not(ladder):
    promote(ladder, 1)
    with pytest.raises(ValueError, match=r"loses 0\.\d+ on average, more than 0\.02"):
        promote(ladder, 4)
    value, _, high = told(ladder, 4)["difference"]
    assert high == 0
    with pytest.raises(ValueError, match="on average"):
        promote(ladder, 4, margin=-value - 1e-9)
    promote(ladder, 4, margin=-value + 1e-9)
    assert champion(ladder) == 4


def test_another_split_is_refused_unless_a_reason_is_given(ladder):
    promote(ladder, 1)
    with pytest.raises(ValueError, match="tested on the split other, version 1 on 2c"):
        promote(ladder, 5)
    verdict = promote(ladder, 5, force="the old split had a leak")
    assert champion(ladder) == 5
    assert "forced (the old split had a leak), though it was tested" in verdict.text()
    tags = names.find(f"models:/{ladder}/5").tags
    assert tags["champion.forced"] == "the old split had a leak"
    assert told(ladder, 5)["difference"] is None


def test_other_items_on_the_same_split_are_refused(store):
    from protgraph.track.record import SCORES

    name = "other-items"
    for run in ("right", "equal"):
        registry.register(run, name)
    path = registry.record(f"models:/{name}/2") / SCORES
    whole = path.read_bytes()
    with np.load(path) as held:
        arrays = dict(held)
    try:
        np.savez(path, **{**arrays, "y": 1 - arrays["y"]})
        promote(name, 1)
        with pytest.raises(ValueError, match="tested on other items than version 1"):
            promote(name, 2)
        path.unlink()
        with pytest.raises(ValueError, match=r"version 2 carries no test\.npz"):
            promote(name, 2)
    finally:
        path.write_bytes(whole)


def test_scores_that_need_unpickling_are_refused(tmp_path):
    from protgraph.running import evaluate

    np.savez(tmp_path / "test.npz", y=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        evaluate.load(tmp_path / "test.npz")


def test_what_is_champion_already_or_not_there_is_refused(ladder):
    promote(ladder, 1)
    with pytest.raises(ValueError, match="version 1 is champion already"):
        promote(ladder, 1)
    with pytest.raises(ValueError, match=r"has the versions \[1, 2, 3, 4, 5\]"):
        promote(ladder, 9)


def test_a_champion_that_changed_while_two_were_compared_stays(ladder, monkeypatch):
    promote(ladder, 1)
    judged = promotion.judged

    def slow(new, old, **asked):
        found = judged(new, old, **asked)
        aliases.point(names.find(f"models:/{ladder}/4"), "champion", tags={})
        return found

    monkeypatch.setattr(promotion, "judged", slow)
    with pytest.raises(ValueError, match="another version became champion meanwhile"):
        promote(ladder, 2)
    assert champion(ladder) == 4


def test_rollback_goes_back_step_by_step_to_the_first(ladder):
    for version in (1, 2, 4):
        promote(ladder, version, margin=1.0)
    assert rollback(ladder) == (4, 2)
    assert rollback(ladder) == (2, 1)
    assert champion(ladder) == 1
    with pytest.raises(ValueError, match="no version was champion before version 1"):
        rollback(ladder)
    promote(ladder, 4, margin=1.0)
    assert rollback(ladder) == (4, 1)


def test_aliases_have_histories_of_their_own(ladder):
    promote(ladder, 1)
    promote(ladder, 2, alias="candidate")
    promote(ladder, 1, alias="candidate")
    assert rollback(ladder, "candidate") == (1, 2)
    assert champion(ladder) == 1
    with pytest.raises(ValueError, match="no version is runner-up"):
        rollback(ladder, "runner-up")


def test_an_alias_that_was_moved_by_hand_has_no_way_back(ladder):
    promote(ladder, 1)
    mlflow.MlflowClient().set_registered_model_alias(ladder, "champion", "2")
    with pytest.raises(ValueError, match="version 2 is champion, but was not promoted"):
        rollback(ladder)


def test_a_process_that_dies_before_the_alias_moves_changes_nothing(ladder, monkeypatch):
    for version in (1, 2):
        promote(ladder, version)
    for move in (lambda: promote(ladder, 4, margin=1.0), lambda: rollback(ladder)):
        with monkeypatch.context() as patch:
            patch.setattr(mlflow.MlflowClient, "set_registered_model_alias", dies)
            with pytest.raises(KeyboardInterrupt):
                move()
        assert champion(ladder) == 2
    assert rollback(ladder) == (2, 1)


def test_a_promotion_that_died_is_no_step_of_the_way_back(ladder, monkeypatch):
    promote(ladder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "set_registered_model_alias", dies)
        with pytest.raises(KeyboardInterrupt):
            promote(ladder, 2)
    promote(ladder, 4, margin=1.0)
    assert rollback(ladder) == (4, 1)


def test_a_rollback_that_died_takes_no_step_from_the_way_back(ladder, monkeypatch):
    for version in (1, 2):
        promote(ladder, version)
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "set_registered_model_alias", dies)
        with pytest.raises(KeyboardInterrupt):
            rollback(ladder)
    promote(ladder, 4, margin=1.0)
    assert rollback(ladder) == (4, 2)
    assert rollback(ladder) == (2, 1)


def dies(*_):
    raise KeyboardInterrupt


def test_tags_of_others_are_no_moves(ladder):
    promote(ladder, 1)
    for key in ("champion.owner", "champion.1.2", "champion.000009.of-mine"):
        mlflow.MlflowClient().set_registered_model_tag(ladder, key, "Ada")
    promote(ladder, 2)
    assert rollback(ladder) == (2, 1)


def test_the_verbs_say_what_they_did(ladder, capsys):
    assert main(["promote", ladder, "1"]) == 0
    assert main(["promote", ladder, "3"]) == 2
    said = capsys.readouterr()
    assert said.out == f"{ladder}: version 1 is champion, the first one\n"
    assert "error: " in said.err
    assert "auprc less that of version 1: -0." in said.err
    assert main(["promote", ladder, "3", "--force", "a trial"]) == 0
    assert main(["rollback", ladder]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == f"{ladder}: version 1 is champion again instead of version 3"
