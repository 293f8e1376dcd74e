"""The same rows through `mlflow models serve`: over HTTP, and in the form that Spark needs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from serving import ask

from protgraph.models.student import Student, StudentConfig
from protgraph.predict import Predictor
from protgraph.serve import pyfunc
from protgraph.structure.protein import Protein

ROWS = ["MKVHC", "MK1", "", None, "--", "M" * 5000, "ACDU"]
ERRORS = {1: "got '1' at 3", 2: "sequence is empty", 3: "sequence is empty", 4: "is empty"}


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    settings = {"outputs": ("zinc",), "thresholds": (0.5,)}
    return Student(StudentConfig(task="sites", width=8, layers=2, **settings)).eval()


@pytest.fixture(scope="module")
def saved(student, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    student.save_pretrained(folder / "student")
    example = pyfunc.example(student.config)
    mlflow.pyfunc.save_model(
        folder / "model", python_model=str(pyfunc.CODE), pip_requirements=[],
        artifacts={"model": str(folder / "student")}, signature=pyfunc.signature(student.config),
        input_example=example,
    )  # fmt: skip
    return folder / "model"


@pytest.fixture(scope="module")
def port(saved):
    """Where `mlflow models serve` answers for the model."""
    for _ in range(3):  # between asking for a free port and taking it another test may be quicker
        with socket.create_server(("127.0.0.1", 0)) as bound:
            free = bound.getsockname()[1]
        process, log = started(saved, free)
        try:
            while not alive(free) and process.poll() is None:
                time.sleep(0.2)
            if process.poll() is None:
                yield free
                return
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    pytest.fail(f"`mlflow models serve` ended by itself:\n{log.read_text()[-2000:]}")


def started(saved, port):
    words = ["-m", str(saved), "--env-manager", "local", "--port", str(port)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", *words]
    log = saved.parent / f"{port}.log"
    with log.open("w") as said:
        # In a session of its own, for it starts the server as another process.
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # noqa: PTH120
        process = subprocess.Popen(
            command, start_new_session=True, stdout=said, stderr=said,
            env={**os.environ, "PATH": path},  # MLflow calls uvicorn by its name
        )  # fmt: skip
    return process, log


def alive(port):
    try:
        return ask(port, "/ping").status == 200
    except OSError:
        return False


def test_invocations_answers_row_by_row(port, student):
    asked = {"dataframe_split": {"columns": ["sequence"], "data": [[row] for row in ROWS]}}
    said = ask(port, "/invocations", asked, {"Content-Type": "application/json"})
    assert said.status == 200
    rows = said.json["predictions"]
    errors = {row["row"]: row["error"] for row in rows if row["error"]}
    assert list(errors) == list(ERRORS)
    assert all(part in errors[row] for row, part in ERRORS.items())
    predictor = Predictor(student, "student")
    for number in (0, 5, 6):
        own = [row for row in rows if row["row"] == number]
        expected = predictor.predict(Protein("p", ROWS[number].replace("U", "X")))
        scores = [row["zinc_score"] for row in own]
        np.testing.assert_allclose(scores, expected.scores[:, 0], atol=1e-5)
        assert [row["zinc_call"] for row in own] == expected.calls[:, 0].tolist()


def test_invocations_gives_one_row_a_row_where_asked_to(port):
    frame = {"columns": ["sequence", "name"], "data": [[row, "p"] for row in ROWS]}
    asked = {"dataframe_split": frame, "params": {"form": "json"}}
    said = ask(port, "/invocations", asked, {"Content-Type": "application/json"})
    rows = said.json["predictions"]
    assert [n for n, row in enumerate(rows) if row["error"]] == list(ERRORS)
    (one,) = json.loads(rows[0]["answer"])
    assert (one["protein"], len(one["scores"]["zinc"])) == ("p", 5)


def test_invocations_refuses_a_table_without_the_column(port):
    asked = {"dataframe_split": {"columns": ["structure"], "data": [["x"]]}}
    said = ask(port, "/invocations", asked, {"Content-Type": "application/json"})
    assert said.status == 400
    assert "sequence" in said.text


def test_another_form_is_refused(student):
    served = pyfunc.Served()
    served.predictor = Predictor(student, "student")
    with pytest.raises(ValueError, match=r"form is one of \('table', 'json'\), got 'xml'"):
        served.predict(None, pd.DataFrame({"sequence": ["MKV"]}), {"form": "xml"})


@pytest.mark.filterwarnings("ignore")  # Spark, pandas and MLflow warn of each other's versions.
def test_spark_scores_a_column(saved):
    sql = pytest.importorskip("pyspark.sql")
    spark = sql.SparkSession.builder.master("local[1]").getOrCreate()
    rows = [(row, f"p{n}") for n, row in enumerate(ROWS)]
    table = spark.createDataFrame(rows, "s string, n string")
    score = mlflow.pyfunc.spark_udf(
        spark, str(saved), env_manager="local", params={"form": "json"},
        result_type="answer string, error string",
    )  # fmt: skip
    said = [row["said"] for row in table.withColumn("said", score("s", "n")).collect()]
    spark.stop()
    assert [n for n, one in enumerate(said) if one["error"]] == list(ERRORS)
    (one,) = json.loads(said[0]["answer"])
    assert (one["protein"], len(one["scores"]["zinc"])) == ("p0", 5)
