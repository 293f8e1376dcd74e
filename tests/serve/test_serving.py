"""`protgraph serve` as a process: its end, its errors, its page, and whose code it runs."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from serving import ask, counted, process, running

from protgraph.cli import main
from protgraph.models.student import Student, StudentConfig
from protgraph.resolve import load
from protgraph.serve import listen
from protgraph.serve.app import Limits, create

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("served") / "student"
    torch.manual_seed(0)
    config = StudentConfig(kind="transformer", layers=2, task="sites", outputs=("zinc",))
    Student(config).save_pretrained(made)
    return made


def test_a_server_from_its_first_answer_to_its_last(folder, tmp_path):
    own = {**os.environ, "PROTGRAPH_TOKEN": "secret"}
    with process(str(folder), "--budget", "500", env=own) as (server, port):
        documented(port, tmp_path, own)
        listens_at_this_machine_alone(port)
        sigterm_ends_it_when_what_is_in_flight_is_answered(server, port)


def documented(port, folder, env):
    """The command in the documentation is answered."""
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    command, _ = re.findall(r"^(curl .*?[^\\])$", page, flags=re.M | re.S)
    own = command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    assert own != command
    said = subprocess.run(
        ["bash", "-c", own], capture_output=True, text=True, check=True, cwd=folder, env=env
    )
    first, second = json.loads(said.stdout)["answers"]
    assert first["name"] == "finger"
    assert len(first["scores"]["zinc"]) == len(first["sequence"])
    assert "error" in second


def listens_at_this_machine_alone(port):
    """Another address of this machine, of which 127.0.0.0/8 has many, is not listened at."""
    assert ask(port, "/ready").status == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def sigterm_ends_it_when_what_is_in_flight_is_answered(server, port):
    shown = {"Authorization": "Bearer secret"}
    rows = ["".join(np.random.default_rng(3).choice(LETTERS, 500))] * 40
    batches = ("protgraph_batch_rows_count",)
    before = counted(port, shown)[batches]
    with ThreadPoolExecutor(1) as pool:
        flying = pool.submit(ask, port, "/predict", {"sequences": rows}, shown)
        while counted(port, shown)[batches] == before:
            assert not flying.done()
        assert counted(port, shown)[("protgraph_rows_waiting",)] > 0
        server.send_signal(signal.SIGTERM)
        said = flying.result()
    assert said.status == 200
    assert len(said.json["answers"]) == len(rows)
    assert server.wait(60) in (0, -signal.SIGTERM)
    with pytest.raises(OSError, match="refused"):
        ask(port, "/health")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zinc-sit"], "Did you mean zinc-site"),
        (["zinc-site", "--paths", "nowhere"], "--paths is a folder, got nowhere"),
        (["zinc-site", "--budget", "0"], "budget is a limit of one at least"),
    ],
)
def test_what_cannot_be_served_is_one_line(words, said, capsys):
    assert main(["serve", *words]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error: ")]
    assert said in line


def test_connections_are_bound_by_the_rows_that_may_wait(folder, monkeypatch):
    def run(server, sockets):
        assert server.config.limit_concurrency == 7 + listen.OTHERS
        (bound,) = sockets
        assert bound.getsockname()[0] == "127.0.0.1"
        said.append("ran")

    said = []
    monkeypatch.setattr(listen.uvicorn.Server, "run", run)
    listen.listen(load(folder), Limits(room=7), port=0, say=said.append)
    assert said[-1] == "ran"


def test_an_address_that_is_taken_is_one_line(folder, capsys):
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        assert main(["serve", str(folder), "--port", str(port)]) == 2
    assert "in use" in capsys.readouterr().err


def test_without_its_packages_the_command_says_what_to_install(folder, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "protgraph.serve.listen", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(folder)]) == 2
    assert "pip install 'protgraph[serve]'" in capsys.readouterr().err


def test_code_that_came_with_a_registered_model_is_not_run(folder, tmp_path, monkeypatch):
    from protgraph.track import registry

    evil = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    held = tmp_path / "model"
    shutil.copytree(folder, held)
    config = json.loads((held / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.StudentConfig", "AutoModel": "evil.Student"}
    (held / "config.json").write_text(json.dumps(config))
    for name in ("evil.py", "__init__.py", "modeling.py", "pyfunc.py"):
        (held / name).write_text(evil)
    monkeypatch.setattr(registry, "folder", lambda name: held)
    monkeypatch.chdir(held)
    with running(create(load("models:/sites/1"))) as port:
        assert ask(port, "/predict", {"sequences": ["MKV"]}).status == 200
    assert not (tmp_path / "ran").exists()
