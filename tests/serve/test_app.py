"""Answers over HTTP: row by row, within limits, right under load; and the end of a server."""

import gc
import json
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from serving import ask, counted, running, wait_for_rows

from protgraph.graph.build import build
from protgraph.graph.edges import KINDS
from protgraph.models.model import Config, Model
from protgraph.models.student import Student, StudentConfig
from protgraph.predict import Predictor
from protgraph.serve.app import Limits, create
from protgraph.serve.rows import Given, Row, Rules, answers
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def student(**settings):
    torch.manual_seed(0)
    given = {"outputs": ("zinc", "iron"), "thresholds": (0.5, 0.4), "given": "the chain binds it"}
    return Student(StudentConfig(task="sites", width=8, layers=2, **{**given, **settings})).eval()


def graphs(level, encoder="gcn"):
    torch.manual_seed(0)
    graph = build(synthetic.protein(3, length=60))
    sizes = (graph.x.shape[1], graph.edge_attr.shape[1], len(KINDS))
    return Model(Config("folds", level, ("fold",), encoder, *sizes, width=8, layers=1)).eval()


LETTERED = Predictor(student(), "small")


@pytest.fixture(scope="module")
def port():
    limits = Limits(budget=500, room=40, body=50_000, longest=300)
    with running(create(LETTERED, limits)) as port:
        yield port


@pytest.fixture(scope="module")
def shaped():
    return Predictor(graphs("residue"), "shaped")


@pytest.fixture(scope="module")
def text():
    return write.pdb(replace(synthetic.protein(3, length=60), chain="A"))


def scores(sequence):
    return LETTERED.predict(Protein("p", sequence)).scores


def random_sequences(seed, n, longest=120):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(LETTERS, rng.integers(1, longest))) for _ in range(n)]


def test_each_row_has_an_answer_and_the_head_says_what_was_asked(port):
    asked = {"sequences": ["mkvHC", "ACDU*"], "names": ["one", None]}
    said = ask(port, "/predict", asked)
    assert said.status == 200
    assert said.headers["content-type"] == "application/json"
    answers = said.json.pop("answers")
    one, two = answers
    assert {key: said.json[key] for key in ("model", "task", "level", "encoder", "given")} == {
        "model": "small", "task": "sites", "level": "residue", "encoder": "none",
        "given": "the chain binds it",
    }  # fmt: skip
    assert said.json["thresholds"] == {"zinc": 0.5, "iron": 0.4}
    assert (one["row"], one["name"], one["sequence"]) == (0, "one", "MKVHC")
    assert one["numbering"] == ["1", "2", "3", "4", "5"]
    expected = scores("MKVHC")
    found = np.transpose([one["scores"]["zinc"], one["scores"]["iron"]])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert one["calls"] == {
        "zinc": (expected[:, 0] >= 0.5).tolist(), "iron": (expected[:, 1] >= 0.4).tolist()
    }  # fmt: skip
    assert (two["row"], two["name"], two["notes"]) == (1, "row-1", ["U read as X at 4"])


def test_rows_that_cannot_be_scored_say_why_and_the_others_are_answered(port):
    rows = ["MKV", "MK1", "", None, "M" * 301, "ACD", " \t", "--", "M" * 300]
    said = ask(port, "/predict", {"sequences": rows, "names": ["a", *"bcdefghi"]})
    assert said.status == 200
    errors = {one["name"]: one["error"] for one in said.json["answers"] if "error" in one}
    assert [one["row"] for one in said.json["answers"]] == list(range(9))
    assert errors == {
        "b": "b: a sequence is written in the letters A to Z, got '1' at 3.",
        "c": "Row 2: sequence is empty.",
        "d": "Row 3: sequence is empty.",
        "e": "e: a protein has 300 residues here at most, got 301.",
        "g": "Row 6: sequence is empty.",
        "h": "h: the sequence is empty.",
    }
    for place in (0, 5, 8):
        found = said.json["answers"][place]["scores"]["zinc"]
        np.testing.assert_allclose(found, scores(rows[place])[:, 0], atol=1e-6)


@pytest.mark.parametrize("row", ["MK1", "", None, "M" * 301])
def test_where_no_row_can_be_answered_the_request_was_wrong(port, row):
    said = ask(port, "/predict", {"sequences": [row, row]})
    assert said.status == 422
    assert said.json["detail"] == "No row can be answered."
    assert [one["row"] for one in said.json["answers"] if one["error"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("{", "json_invalid"),
        ("", "json_invalid"),
        ("[]", "model"),
        ('{"sequences": ["\\ud800"]}', "json_invalid"),
        ({}, "missing"),
        ({"sequences": []}, "too_short"),
        ({"sequences": "MKV"}, "list_type"),
        ({"sequences": [5]}, "string_type"),
        ({"sequences": ["M"], "structures": ["M"]}, "extra_forbidden"),
        ({"sequences": ["M"], "names": ["a", "b"]}, "one length, got 1 sequences, 2 names"),
    ],
)
def test_what_is_no_request_is_refused_and_said_where(port, body, part):
    said = ask(port, "/predict", body)
    assert said.status == 422
    assert part in json.dumps(said.json["detail"])


def test_a_request_that_is_too_large_is_refused(port):
    rows = ask(port, "/predict", {"sequences": ["M"] * 41})
    assert (rows.status, rows.json["detail"]) == (413, "A request has 40 rows at most, got 41.")
    size = ask(port, "/predict", {"sequences": ["M" * 51_000]})
    assert (size.status, size.json["detail"]) == (413, "A request has 50000 bytes at most.")
    assert ask(port, "/predict", {"sequences": ["M"] * 40}).status == 200


def test_a_body_of_no_declared_size_is_read_only_up_to_the_limit(port):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    parts = (b" " * 1000 for _ in range(60))
    connection.request("POST", "/predict", parts, encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert connection.getresponse().status == 413
    connection.close()


def test_other_paths_and_methods_are_not_there(port):
    assert ask(port, "/docs").status == 404
    assert ask(port, "/predict").status == 405
    assert ask(port, "/health", {}).status == 405


def test_the_openapi_document_says_what_this_model_reads_and_answers(port, shaped):
    said = ask(port, "/openapi.json").json
    assert sorted(said["paths"]) == ["/health", "/metrics", "/predict", "/ready"]
    post = said["paths"]["/predict"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert sorted(body["properties"]) == ["names", "sequences"]
    assert body["required"] == ["sequences"]
    assert sorted(post["responses"]) == ["200", "401", "413", "422", "500", "503"]
    own = create(shaped).openapi()["paths"]["/predict"]["post"]["requestBody"]
    own = own["content"]["application/json"]["schema"]
    assert sorted(own["properties"]) == ["chains", "names", "structures"]


def test_without_the_token_nothing_is_told_but_health():
    with running(create(LETTERED, Limits(token="größer"))) as port:
        good = {"Authorization": "Bearer größer".encode()}
        for shown in ({}, {"Authorization": "Bearer gross"}, {"Authorization": "größer".encode()}):
            for path, body in (("/predict", {"sequences": ["MKV"]}), ("/metrics", None)):
                said = ask(port, path, body, shown)
                assert said.status == 401
                assert said.headers["www-authenticate"] == "Bearer"
        assert ask(port, "/predict", {"sequences": ["MKV"]}, good).status == 200
        assert ask(port, "/metrics", None, good).status == 200
        assert ask(port, "/health").json == {"status": "ok", "model": "small"}
        assert ask(port, "/ready").status == 200
        assert ask(port, "/openapi.json").json["components"]["securitySchemes"]


def test_a_structure_has_an_answer_a_chain(shaped, text, tmp_path):
    two = text.replace("END", "").rstrip() + "\n"
    two += "".join(
        line[:21] + "B" + line[22:] + "\n"
        for line in text.splitlines()
        if line.startswith(("ATOM", "TER"))
    )
    chains = [None, "B", "", "", "Q"]
    asked = {"structures": [two, two, "no\nstructure", text, two], "chains": chains}
    with running(create(shaped)) as port:
        said = ask(port, "/predict", {**asked, "names": list("abcde")})
    assert said.status == 200
    found = [(one["row"], one["name"], one.get("chain")) for one in said.json["answers"]]
    assert found == [
        (0, "a", "A"), (0, "a", "B"), (1, "b", "B"), (2, "c", None), (3, "d", "A"), (4, "e", None),
    ]  # fmt: skip
    (tmp_path / "a.pdb").write_text(text)
    (expected,) = shaped.predict(tmp_path / "a.pdb")
    for place in (0, 1, 2, 4):
        own = said.json["answers"][place]["scores"]["fold"]
        np.testing.assert_allclose(own, expected.scores[:, 0], atol=1e-5)
    assert "'Q'" in said.json["answers"][5]["error"]


def test_a_gap_is_null(shaped, text):
    unseen = "".join(line + "\n" for line in text.splitlines() if line[22:26].strip() != "30")
    with running(create(shaped)) as port:
        (one,) = ask(port, "/predict", {"structures": [unseen]}).json["answers"]
    assert [i for i, score in enumerate(one["scores"]["fold"]) if score is None] == [29]


def test_paths_are_read_only_from_the_folder_that_was_allowed(shaped, text, tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "in-not"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.pdb").write_text(text)
    (inside / "link.pdb").symlink_to(outside / "a.pdb")
    # A pyfunc's setting opens no folder to a server.
    monkeypatch.setenv("PROTGRAPH_PATHS", str(tmp_path))
    asked = ["a.pdb", str(inside / "a.pdb"), "../in-not/a.pdb", "link.pdb", "/etc/passwd", "b.pdb",
             "x" * 300, "."]  # fmt: skip
    with running(create(shaped, Limits(paths=inside))) as port:
        said = ask(port, "/predict", {"structures": asked})
    assert ["error" in one for one in said.json["answers"]] == [False, False, *[True] * 6]
    assert str(tmp_path) not in said.text
    assert said.json["answers"][5]["error"] == "'b.pdb': there is no such file."
    with running(create(shaped)) as port:
        said = ask(port, "/predict", {"structures": asked})
    assert said.status == 422
    assert all("--paths" in one["error"] for one in said.json["answers"])


def test_a_model_of_pairs_takes_two_lists():
    torch.manual_seed(0)
    graph = {"nodes": ("identity",)}
    config = Config("ppi", "pair", ("binds",), "cnn", 21, 0, 0, width=8, layers=1, graph=graph)
    pairs = Predictor(Model(config).eval(), "pairs")
    asked = {"sequences_a": ["MKV", "M1", "AC"], "sequences_b": ["ACDE", "MKV", ""]}
    with running(create(pairs)) as port:
        said = ask(port, "/predict", {**asked, "names_a": ["x", "y", "z"]})
        alone = ask(port, "/predict", {"sequences_a": ["MKV"]})
    assert alone.status == 422
    one, two, three = said.json["answers"]
    (expected,) = pairs.predict_pairs([(Protein("a", "MKV"), Protein("b", "ACDE"))])
    assert one["scores"]["binds"] == pytest.approx(expected.scores[0], abs=1e-6)
    assert (one["name_a"], one["name_b"]) == ("x", "row-0_b")
    assert two["error"].startswith("y: a sequence is written")
    assert three["error"] == "Row 2: sequence_b is empty."


def test_a_protein_is_answered_with_one_score_an_output():
    whole = Predictor(student(level="protein"), "whole")
    with running(create(whole)) as port:
        (one,) = ask(port, "/predict", {"sequences": ["MKVAC"]}).json["answers"]
    expected = whole.predict(Protein("a", "MKVAC"))
    assert list(one["scores"].values()) == pytest.approx(expected.scores.tolist(), abs=1e-6)
    assert list(one["calls"].values()) == expected.calls.tolist()
    assert "numbering" not in one


class Held:
    """A student that waits until it is let go."""

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Event()
        self.model = student()
        self.plain = self.model.scores
        self.model.scores = self
        self.predictor = Predictor(self.model, "held")

    def __call__(self, sequences):
        self.begun.set()
        assert self.go.wait(60)
        return self.plain(sequences)


def test_a_full_queue_says_when_to_ask_again_and_what_waits_is_answered():
    held = Held()
    with running(create(held.predictor, Limits(room=3))) as port, ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, port, "/predict", {"sequences": ["MKV"]})
        assert held.begun.wait(60)
        second = pool.submit(ask, port, "/predict", {"sequences": ["MKV", "AC", "D"]})
        wait_for_rows(port, 3)
        refused, ready = ask(port, "/predict", {"sequences": ["MKV"]}), ask(port, "/ready")
        assert (refused.status, ready.status) == (503, 503)
        assert refused.headers["retry-after"] == ready.headers["retry-after"] == "1"
        assert ask(port, "/health").status == 200
        held.go.set()
        assert [first.result().status, second.result().status] == [200, 200]
        assert ask(port, "/ready").status == 200


def test_a_model_that_breaks_is_the_fault_of_the_server_which_lives_on():
    broken = student()
    plain, broken.scores = broken.scores, lambda sequences: 1 / 0
    with running(create(Predictor(broken, "broken"))) as port:
        said = ask(port, "/predict", {"sequences": ["MKV"]})
        assert said.status == 500
        assert said.json["detail"].startswith("The model failed")
        broken.scores = plain
        assert ask(port, "/predict", {"sequences": ["MKV"]}).status == 200


def but_for(sequence, scores, error):
    """Scores of a model that raises an error of one sequence."""

    def own(sequences):
        if sequence in sequences:
            raise error
        return scores(sequences)

    return own


def test_a_protein_that_the_model_refuses_keeps_no_other_from_its_answer():
    picky = student()
    picky.scores = but_for("WWW", picky.scores, ValueError("WWW: not mine."))
    texts = ["MKV", "WWW", "AC", "DE", "WWW", "F"]
    rows = [Row(n, (Given("sequence", text),)) for n, text in enumerate(texts)]
    said = answers(Predictor(picky, "picky"), rows, Rules())
    assert [own if isinstance(own, str) else own[0].protein.sequence for own in said] == [
        "MKV", "WWW: not mine.", "AC", "DE", "WWW: not mine.", "F",
    ]  # fmt: skip


def test_a_row_on_which_the_model_breaks_fails_its_own_request_alone():
    held = Held()
    held.plain = but_for("WWW", held.plain, IndexError("no such thing"))
    with running(create(held.predictor)) as port, ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, port, "/predict", {"sequences": ["MKV"]})
        assert held.begun.wait(60)
        rest = [pool.submit(ask, port, "/predict", {"sequences": [t]}) for t in ("WWW", "AC", "DE")]
        wait_for_rows(port, 3)
        held.go.set()
        assert [one.result().status for one in (first, *rest)] == [200, 500, 200, 200]


def test_a_row_that_cannot_be_read_for_no_fault_of_its_own_is_no_answer(monkeypatch):
    def breaks(name, text):
        raise RuntimeError("no such thing")

    monkeypatch.setattr("protgraph.serve.rows.letters", breaks)
    (said,) = answers(LETTERED, [Row(0, (Given("sequence", "MKV"),))], Rules())
    assert isinstance(said, RuntimeError)


def test_bytes_of_all_requests_that_are_not_answered_have_a_bound():
    held = Held()
    limits = Limits(body=1000, room=1000)
    asked = {"sequences": ["M" * 940]}
    with running(create(held.predictor, limits)) as port, ThreadPoolExecutor(16) as pool:
        waits = [pool.submit(ask, port, "/predict", asked)]
        assert held.begun.wait(60)
        waits += [pool.submit(ask, port, "/predict", asked) for _ in range(15)]
        wait_for_rows(port, 15)
        refused = ask(port, "/predict", asked)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "too many bytes" in refused.json["detail"]
        assert ask(port, "/predict", {"sequences": 5}).status == 422
        held.go.set()
        assert {one.result().status for one in waits} == {200}
        for _ in range(20):
            assert ask(port, "/predict", asked).status == 200
        assert ask(port, "/ready").status == 200


def test_names_are_those_that_the_client_gave(shaped, text, tmp_path):
    (tmp_path / "a.pdb").write_text(text)
    names = ["a/b: c" + "x" * 200, None, "mine", None]
    asked = {"structures": [text, text, "a.pdb", "a.pdb"], "names": names}
    with running(create(shaped, Limits(paths=tmp_path))) as port:
        said = ask(port, "/predict", asked).json["answers"]
    assert [one["name"] for one in said] == [names[0], "row-1", "mine", "a"]


def test_white_space_before_a_structure_needs_no_more_than_its_own_memory(shaped):
    text = "\n" + " " * 2_000_000 + "x"
    tracemalloc.start()
    (said,) = answers(shaped, [Row(0, (Given("structure", text),))], Rules())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(said, str)
    assert peak < 10 * len(text)


def test_many_clients_at_once_each_get_their_own(port):
    before = counted(port)
    texts = random_sequences(1, 300)
    bad = dict.fromkeys(range(0, 300, 25), "MK1") | dict.fromkeys(range(7, 300, 50), "M" * 301)
    asked = [bad.get(n, text) for n, text in enumerate(texts)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda text: ask(port, "/predict", {"sequences": [text]}), asked))
    for number, (text, one) in enumerate(zip(texts, said, strict=True)):
        if number in bad:
            assert one.status == 422
            continue
        assert one.status == 200
        (own,) = one.json["answers"]
        assert own["sequence"] == text
        np.testing.assert_allclose(own["scores"]["iron"], scores(text)[:, 1], atol=1e-6)
    after = counted(port)

    def more(*key):
        return after[key] - before.get(key, 0)

    assert more("protgraph_requests_total", "200") == 300 - len(bad)
    assert more("protgraph_requests_total", "422") == len(bad)
    assert more("protgraph_rows_total", "answered") == 300 - len(bad)
    assert more("protgraph_rows_total", "refused") == len(bad)
    good = sum(len(text) for number, text in enumerate(texts) if number not in bad)
    assert more("protgraph_residues_total") == good
    assert more("protgraph_request_seconds_count") == 300
    assert more("protgraph_batch_rows_sum") == 300
    assert more("protgraph_batch_rows_count") < 300
    assert after[("protgraph_rows_waiting",)] == 0


def test_requests_leave_nothing_behind(port):
    def objects():
        gc.collect()
        return len(gc.get_objects())

    texts = random_sequences(2, 10)
    for text in (*texts, "M1"):
        ask(port, "/predict", {"sequences": [text]})
    before = objects()
    for _ in range(10):
        for text in (*texts, "M1"):
            ask(port, "/predict", {"sequences": [text]})
    assert objects() < before + 110


@pytest.mark.parametrize("name", ["budget", "room", "body", "longest"])
def test_a_limit_is_positive(name):
    with pytest.raises(ValueError, match=f"{name} is a limit of one at least, got 0"):
        Limits(**{name: 0})


def test_a_budget_is_one_that_a_model_takes():
    with pytest.raises(ValueError, match="budget is 8000 residues at most, got 8001"):
        Limits(budget=8001)
