import subprocess

import mlflow
import numpy as np

from protgraph.track import provenance


def test_the_environment_names_every_package():
    said = provenance.environment()
    assert said.keys() == {"python", "platform", *provenance.PACKAGES}
    assert said["mlflow"] == mlflow.__version__
    assert said["numpy"] == np.__version__


def test_the_commit_is_that_of_the_folder(tmp_path, monkeypatch):
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "a")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "a@b")
    unknown = {"commit": "unknown", "dirty": "unknown"}

    def git(*words):
        command = ["git", "-C", tmp_path, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert provenance.commit(tmp_path) == unknown
    git("init", "-q")
    assert provenance.commit(tmp_path) == unknown
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "a")
    head = git("rev-parse", "HEAD")
    (tmp_path / "mlflow.db").write_text("untracked files do not count")
    (tmp_path / "sub").mkdir()
    assert provenance.commit(tmp_path / "sub") == {"commit": head, "dirty": "false"}
    (tmp_path / "a").write_text("2")
    assert provenance.commit(tmp_path / "sub") == {"commit": head, "dirty": "true"}


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path) == {"commit": "unknown", "dirty": "unknown"}
