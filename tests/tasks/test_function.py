"""Fmax, Smin and AUPR of function: hand-worked cases, sets counted one by one, and cafaeval."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import cafaeval.evaluation
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from protgraph.tasks.curves import _bins, best_f, curves, least_s
from protgraph.tasks.ec import ec_ontology
from protgraph.tasks.function import aupr, fmax, smin
from protgraph.tasks.labels import Undefined
from protgraph.tasks.obo import load
from protgraph.tasks.ontology import CAFA, DEEPFRI, Ontology, information
from protgraph.tasks.ranking import best_exact_f, steps
from protgraph.tasks.statistics import bootstrap

# b is below a; a and c are below the root.
NAMES = ("root", "a", "b", "c")
ABOVE = ((), (0,), (1,), (0,))
GROUPS = {
    "cafa": Ontology(NAMES, NAMES, ("n",) * 4, ABOVE, {}, frozenset(), CAFA),
    "deepfri": Ontology(NAMES, NAMES, ("n",) * 4, ABOVE, {}, frozenset(), DEEPFRI),
}
BITS = {"root": 0.0, "a": 1.0, "b": 2.0, "c": 0.5}

METRICS = {
    "gearnet": partial(fmax, protocol="gearnet"),
    "deepfri": partial(fmax, protocol="deepfri", terms=NAMES[1:], ontology=GROUPS["deepfri"]),
    "cafa": partial(fmax, protocol="cafa", terms=NAMES[1:], ontology=GROUPS["cafa"]),
    "smin": partial(smin, information=BITS, terms=NAMES[1:], ontology=GROUPS["cafa"]),
    "micro": partial(aupr, average="micro"),
    "macro": partial(aupr, average="macro"),
}
FIXED = ["deepfri", "cafa", "smin"]


@st.composite
def cases(draw, *, top=10):
    """Labels, one at least, and scores of one decimal, so that many are tied."""
    shape = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    y = (rng.random(shape) < 0.3).astype(float)
    y[0, 0] = 1
    return y, rng.integers(0, top + 1, shape) / top


def mean_f(y, said):
    """F1 of the mean precision and recall of labelled proteins, counted one by one."""
    rows = [(set(np.flatnonzero(a)), set(np.flatnonzero(b))) for a, b in zip(y, said, strict=True)]
    rows = [(true, told) for true, told in rows if true]
    precisions = [len(true & told) / len(told) for true, told in rows if told]
    recall = np.mean([len(true & told) / len(true) for true, told in rows])
    if not recall:
        return 0.0
    return 2 * np.mean(precisions) * recall / (np.mean(precisions) + recall)


# Fmax of GearNet


@given(cases())
def test_gearnet_takes_the_best_of_all_distinct_thresholds(case):
    y, s = case
    expected = max(mean_f(y, s >= cut) for cut in np.unique(s))
    assert fmax(y, s, protocol="gearnet") == pytest.approx(expected, abs=1e-12)


def test_gearnet_on_more_proteins_than_a_block():
    rng = np.random.default_rng(0)
    y = rng.random((600, 20)) < 0.1
    s = np.round(rng.random(y.shape) + 0.3 * y, 2)
    expected = max(mean_f(y, s >= cut) for cut in np.unique(s))
    assert fmax(y, s, protocol="gearnet") == pytest.approx(expected, abs=1e-12)


def test_gearnet_by_hand():
    # Protein 1 has the first two terms, protein 2 the third.
    y = [[1, 1, 0], [0, 0, 1]]
    s = [[0.9, 0.6, 0.2], [0.1, 0.7, 0.5]]
    # .9: precision 1 (of one protein), recall (1/2 + 0)/2: F .4
    # .7: precision (1 + 0)/2, recall 1/4: 1/3.  .6: precision 1/2, recall 1/2: 1/2
    # .5: precision (1 + 1/2)/2, recall 1: 6/7, the best.  .2 and .1 only add false ones.
    assert fmax(y, s, protocol="gearnet") == pytest.approx(6 / 7)


def test_precision_and_recall_are_averaged_before_f_is_taken():
    # .5: protein 1 has precision 1 and recall 1, protein 2 precision 1/2 and recall 1/3. F of the
    # means (3/4, 2/3) is 12/17; the mean of F, (1 + 2/5)/2, is another number.
    y = [[1, 0, 0, 0], [1, 1, 1, 0]]
    s = [[0.5, 0, 0, 0], [0.5, 0, 0, 0.5]]
    at_half = 12 / 17
    at_zero = 2 * 0.5 * 1 / 1.5  # all is said: precision (1/4 + 3/4)/2, recall 1
    assert fmax(y, s, protocol="gearnet") == pytest.approx(max(at_half, at_zero))


def test_ties_enter_together():
    # One true and one false term of the same score cannot be told apart: precision 1/2.
    assert fmax([[1, 0]], [[0.5, 0.5]], protocol="gearnet") == pytest.approx(2 / 3)
    assert fmax([[0, 1]], [[0.5, 0.5]], protocol="gearnet") == pytest.approx(2 / 3)


@given(cases(), st.floats(0.1, 5), st.floats(-5, 5))
def test_gearnet_knows_only_the_order_of_scores(case, slope, shift):
    y, s = case
    moved = slope * s + shift
    if len(np.unique(moved)) == len(np.unique(s)):
        value = fmax(y, s, protocol="gearnet")
        assert fmax(y, moved, protocol="gearnet") == pytest.approx(value)


# Fmax of DeepFRI


@pytest.mark.parametrize("seed", range(3))
def test_deepfri_is_sets_of_terms_above_the_root(seed):
    ontology, terms, y, s = made(seed, DEEPFRI)
    above = {term: set(ontology.closure([term])) - set(ontology.roots) for term in terms}
    every = [t for t in ontology.terms if t not in ontology.roots]

    def expanded(flags):
        told = [set().union(*(above[terms[j]] for j in np.flatnonzero(row))) for row in flags]
        return np.array([[term in had for term in every] for had in told])

    truth = expanded(y)
    expected = max(mean_f(truth, expanded(s > t / 100)) for t in range(1, 100))
    value = fmax(y, s, protocol="deepfri", terms=terms, ontology=ontology)
    assert value == pytest.approx(expected, abs=1e-12)


def test_deepfri_by_hand():
    # b is true, so a too; the root is none. At .5 b alone is said with a: precision 1, recall 1.
    group = GROUPS["deepfri"]
    assert fmax([[1, 0]], [[0.6, 0.5]], protocol="deepfri", terms=["b", "c"], ontology=group) == 1
    # c is said with the same score: precision 2/3.
    value = fmax([[1, 0]], [[0.6, 0.6]], protocol="deepfri", terms=["b", "c"], ontology=group)
    assert value == pytest.approx(4 / 5)
    # a alone is said: precision 1, recall 1/2.
    value = fmax([[0, 1]], [[0.6, 0]], protocol="deepfri", terms=["a", "b"], ontology=group)
    assert value == pytest.approx(2 / 3)


def test_deepfri_exceeds_and_cafa_reaches_a_threshold():
    for score, strict, reached in [(0.01, 0, 1), (0.99, 1, 1), (0.005, 0, 0), (1.0, 1, 1)]:
        told = {"terms": ["a"], "y_true": [[1]], "y_score": [[score]]}
        assert fmax(protocol="deepfri", ontology=GROUPS["deepfri"], **told) == strict
        assert fmax(protocol="cafa", ontology=GROUPS["cafa"], **told) == reached


def test_deepfri_judges_complete_ec_numbers_alone():
    terms = ["3.4.21.4", "3.4.21.-", "3.4.21.5"]
    y, s = [[1, 1, 0], [0, 1, 0], [0, 1, 1]], [[0.9, 0, 0], [0.9, 0.9, 0.9], [0, 0, 0.9]]
    assert fmax(y, s, protocol="deepfri", terms=terms) == 1
    with pytest.raises(Undefined, match="a label that counts"):
        fmax([[0, 1, 0]], [[1, 1, 1]], protocol="deepfri", terms=terms)
    with pytest.raises(ValueError, match="an EC number is like"):
        fmax([[1]], [[1]], protocol="deepfri", terms=["GO:0003674"])


def test_deepfri_does_not_count_a_protein_of_the_root_alone():
    told = {"protocol": "deepfri", "terms": ["root", "b"], "ontology": GROUPS["deepfri"]}
    assert fmax([[0, 1], [1, 0]], [[0, 0.9], [0, 0.9]], **told) == 1
    with pytest.raises(Undefined):
        fmax([[1, 0]], [[0, 0.9]], **told)


# Fmax and Smin of CAFA


def obo(seed, terms):
    """An ontology of two namespaces, with several parents, a lone root and parents across."""
    draw = np.random.default_rng(seed)
    text = "format-version: 1.2\n"
    for i in range(terms):
        space = "one" if i < 0.8 * terms else "two"
        text += f"\n[Term]\nid: GO:{i:07d}\nname: term {i}\nnamespace: {space}\n"
        if i % 60:
            for parent in sorted({int(p) for p in draw.integers(0, i, draw.integers(1, 4))}):
                kind = draw.choice(["is_a:", "relationship: part_of"])
                text += f"{kind} GO:{parent:07d} ! term {parent}\n"
    return text


def made(seed, relations, *, proteins=25, terms=60):
    """An ontology of one namespace, some of its terms, labels and scores of two decimals."""
    draw = np.random.default_rng(seed)
    above = [(), *(tuple({int(p) for p in draw.integers(0, i, 2)}) for i in range(1, terms))]
    names = tuple(f"GO:{i:07d}" for i in range(terms))
    group = Ontology(names, names, ("n",) * terms, tuple(above), {}, frozenset(), relations)
    columns = [name for name in names if draw.random() < 0.6]
    y = (draw.random((proteins, len(columns))) < 0.08).astype(float)
    return group, columns, y, np.round(draw.random(y.shape) ** 3, 2)


def evaluated(obo, said, truth, ia=None):
    """What cafaeval says at every threshold."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The inplace keyword")  # pandas', of cafaeval's use of it
        table, _ = cafaeval.evaluation.cafa_eval(
            str(obo), str(said), str(truth), ia=ia, norm="cafa", prop="max", th_step=0.01, n_cpu=1
        )
    return table


@pytest.fixture(scope="module", params=[0, 1, 2])
def judged(request, tmp_path_factory):
    """A real-size case with what cafaeval says of it."""
    folder, draw = tmp_path_factory.mktemp("cafa"), np.random.default_rng(request.param)
    path = folder / "made.obo"
    path.write_text(obo(request.param, 500))
    ontology = load(path)
    own = [t for t, n in zip(ontology.terms, ontology.namespaces, strict=True) if n == "one"]
    terms = sorted(own, key=lambda term: draw.random())[:250]
    y = draw.random((400, 250)) < 0.01
    y[draw.random(400) < 0.1] = False
    s = np.clip(draw.random(y.shape) ** 4 + 0.4 * y * draw.random(y.shape), 0, 1)
    s = np.where(draw.random(y.shape) < 0.5, np.round(s, 2), s) * (draw.random(y.shape) < 0.8)
    s[draw.random(400) < 0.1] = 0  # proteins of which nothing is said
    if request.param == 2:  # so poor that to say nothing, at .6 and above, would be the best
        s = 0.6 * draw.random(y.shape)
    bits = information(draw.random((300, 250)) < 0.02, terms, ontology)
    (folder / "said").mkdir()
    (folder / "said" / "made.tsv").write_text(
        "".join(
            f"P{i}\t{terms[j]}\t{float(s[i, j])!r}\n" for i, j in zip(*np.nonzero(s), strict=True)
        )
    )
    true = [f"P{i}\t{terms[j]}\n" for i, j in np.argwhere(y)]
    (folder / "truth.tsv").write_text("".join(true))
    (folder / "ia.tsv").write_text("".join(f"{t}\t{v!r}\n" for t, v in bits.items()))
    table = evaluated(path, folder / "said", folder / "truth.tsv", ia=str(folder / "ia.tsv"))
    return y, s, {"terms": terms, "ontology": ontology}, bits, table.xs("one", level="ns")


def test_cafa_is_cafaeval(judged):
    y, s, told, bits, table = judged
    value = fmax(y, s, protocol="cafa", **told)
    assert value == pytest.approx(table["f"].max(), abs=1e-9)
    assert 0.05 < value < 0.95
    weighted = fmax(y, s, protocol="cafa", information=bits, **told)
    assert weighted == pytest.approx(table["f_w"].max(), abs=1e-9)
    assert abs(weighted - value) > 0.01


def test_smin_is_that_of_cafaeval(judged):
    y, s, told, bits, table = judged
    assert smin(y, s, bits, **told) == pytest.approx(table["s_w"].min(), abs=1e-9)
    counted = least_s(curves(y, s, protocol="cafa", **told))
    assert counted == pytest.approx(table["s"].min(), abs=1e-9)


def test_the_curve_is_that_of_cafaeval_at_every_threshold(judged):
    y, s, told, bits, table = judged
    for weights, mark in ((None, ""), (bits, "_w")):
        made = curves(y, s, protocol="cafa", information=weights, **told)
        here, there = made.labelled, slice(len(table))  # cafaeval ends where nothing is said
        assert made.covered[here].sum(axis=0)[there].tolist() == table[f"n{mark}"].tolist()
        assert not made.covered[here, len(table) :].any()
        recall = made.recall[here].mean(axis=0)[there]
        assert recall == pytest.approx(table[f"rc{mark}"].to_numpy(), abs=1e-9)
        missed = made.uncertainty[here].mean(axis=0)[there]
        assert missed == pytest.approx(table[f"ru{mark}"].to_numpy(), abs=1e-9)
        wrong = made.misinformation[here].mean(axis=0)[there]
        assert wrong == pytest.approx(table[f"mi{mark}"].to_numpy(), abs=1e-9)


def test_smin_leaves_out_thresholds_at_which_nothing_is_said():
    # Saying nothing misses 3 bits; the one score is for c, wrong, at no gain: 3.04 is the least.
    told = {"terms": ["b", "c"], "ontology": GROUPS["cafa"]}
    assert smin([[1, 0]], [[0, 0.4]], BITS, **told) == pytest.approx(np.hypot(3, 0.5))


@pytest.mark.parametrize("number", range(1, 6))
def test_the_example_of_cafaeval_has_the_same_numbers(tmp_path, number):
    example = Path(cafaeval.evaluation.__file__).parent / "data" / "example"
    file = example / "IDPO_disorder_function.obo"
    ontology = load(file)
    truth = [line.split()[:2] for line in (example / "ground_truth.tsv").read_text().splitlines()]
    said = example / "predictions" / f"pred_{number}.tsv"
    told = [line.split()[:3] for line in said.read_text().splitlines()]
    proteins = {name: i for i, name in enumerate(sorted({name for name, _ in truth}))}
    column = {term: j for j, term in enumerate(ontology.terms)}
    y = np.zeros((len(proteins), len(column)))
    s = np.zeros_like(y)
    for name, term in truth:
        y[proteins[name], column[term]] = 1
    for name, term, score in told:
        if name in proteins and term in column:
            cell = proteins[name], column[term]
            s[cell] = max(s[cell], float(score))
    (tmp_path / said.name).write_text(said.read_text())
    table = evaluated(file, tmp_path, example / "ground_truth.tsv")
    made = curves(y, s, protocol="cafa", terms=ontology.terms, ontology=ontology)
    assert best_f(made) == pytest.approx(table["f"].max(), abs=1e-9)
    assert least_s(made) == pytest.approx(table["s"].min(), abs=1e-9)


def test_cafa_by_hand():
    # True: b, so a and the root. c is said, so the root: precision 1/2, recall 1/3.
    told = {"terms": ["b", "c"], "ontology": GROUPS["cafa"]}
    assert fmax([[1, 0]], [[0, 0.9]], protocol="cafa", **told) == pytest.approx(2 / 5)
    # Weighted, the root says nothing: no bit is right.
    assert fmax([[1, 0]], [[0, 0.9]], protocol="cafa", information=BITS, **told) == 0


def test_smin_by_hand():
    # b is true: 3 bits with a. c alone is said from .5 to .9: 3 bits missed, .5 wrong. From .5
    # down b is said too: 0 missed, .5 wrong.
    told = {"information": BITS, "terms": ["b", "c"], "ontology": GROUPS["cafa"]}
    assert smin([[1, 0]], [[0, 0.9]], **told) == pytest.approx(np.hypot(3, 0.5))
    assert smin([[1, 0]], [[0.5, 0.9]], **told) == pytest.approx(0.5)
    assert smin([[1, 0]], [[0.9, 0.5]], **told) == 0


def test_smin_of_nothing_said_is_what_is_missed():
    told = {"information": BITS, "terms": ["b", "c"], "ontology": GROUPS["cafa"]}
    assert smin([[1, 0], [0, 1]], [[0, 0], [0, 0]], **told) == pytest.approx((3 + 0.5) / 2)


def test_ec_numbers_are_judged_by_cafa_with_their_tree():
    terms = ["3.4.21.4", "3.4.21.5"]
    value = fmax([[1, 0]], [[0, 1]], protocol="cafa", terms=terms, ontology=ec_ontology(terms))
    assert value == pytest.approx(3 / 4)


def test_a_protocol_takes_only_its_own_arguments():
    y, s, group = [[1]], [[0.5]], GROUPS["cafa"]
    with pytest.raises(ValueError, match=r"gearnet: nothing is propagated, so terms has no part"):
        fmax(y, s, protocol="gearnet", terms=["a"])
    with pytest.raises(ValueError, match="protocol is gearnet, deepfri or cafa, got 'CAFA'"):
        fmax(y, s, protocol="CAFA")
    with pytest.raises(ValueError, match="curves are of protocol deepfri or cafa, got 'gearnet'"):
        curves(y, s, protocol="gearnet", terms=["a"])
    with pytest.raises(ValueError, match="cafa: the terms of the columns are needed"):
        fmax(y, s, protocol="cafa", ontology=group)
    with pytest.raises(ValueError, match="cafa: propagation needs an ontology"):
        fmax(y, s, protocol="cafa", terms=["a"])
    with pytest.raises(ValueError, match="deepfri: information belongs to protocol cafa"):
        fmax(y, s, protocol="deepfri", terms=["3.1.1.1"], information={})
    with pytest.raises(ValueError, match=r"deepfri: parents are by .* read with is_a, part_of"):
        fmax(y, s, protocol="deepfri", terms=["a"], ontology=group)
    with pytest.raises(ValueError, match=r"cafa: parents are by is_a, part_of, but .* regulates"):
        fmax(y, s, protocol="cafa", terms=["a"], ontology=GROUPS["deepfri"])
    with pytest.raises(ValueError, match="cafa: 1 columns need as many terms, got 2"):
        fmax(y, s, protocol="cafa", terms=["a", "b"], ontology=group)
    with pytest.raises(ValueError, match="terms: z is not among 4 terms"):
        fmax(y, s, protocol="cafa", terms=["z"], ontology=group)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"b": 1.0}, "got none for 2, such as root"),
        ({**BITS, "b": np.inf}, r"finite and not negative, got 0\.0 to inf"),
        ({**BITS, "b": -1.0}, r"finite and not negative, got -1\.0 to 1\.0"),
    ],
)
def test_information_must_be_known_finite_and_not_negative(bits, message):
    with pytest.raises(ValueError, match=message):
        smin([[1]], [[0.5]], bits, terms=["b"], ontology=GROUPS["cafa"])


# AUPR


@given(cases(top=4))
def test_aupr_is_that_of_scikit_learn(case):
    y, s = case
    micro = sklearn.metrics.average_precision_score(y.ravel(), s.ravel())
    assert aupr(y, s, average="micro") == pytest.approx(micro)
    kept = y.any(axis=0)
    each = [
        sklearn.metrics.average_precision_score(*pair)
        for pair in zip(y.T[kept], s.T[kept], strict=True)
    ]
    assert aupr(y, s, average="macro") == pytest.approx(np.mean(each))


def test_aupr_by_hand():
    # Micro ranks .9 yes, .8 no, .7 yes, .1 no: (1 + 2/3)/2. Macro: 1 for the first term; for the
    # second .8 no, .7 yes: 1/2.
    y, s = [[1, 0], [0, 1]], [[0.9, 0.8], [0.1, 0.7]]
    assert aupr(y, s, average="micro") == pytest.approx(5 / 6)
    assert aupr(y, s, average="macro") == pytest.approx(3 / 4)


def test_a_term_without_proteins_counts_in_micro_alone():
    y, s = [[1, 0], [0, 0]], [[0.5, 0.9], [0.1, 0.0]]
    assert aupr(y, s, average="micro") == pytest.approx(1 / 2)
    assert aupr(y, s, average="macro") == 1


def test_an_average_of_another_name_is_an_error():
    with pytest.raises(ValueError, match="average is micro or macro, got 'samples'"):
        aupr([[1]], [[1]], average="samples")


# Edges, the same for all


@pytest.mark.parametrize("name", ["gearnet", "deepfri", "cafa", "smin"])
def test_proteins_without_a_label_do_not_count(name):
    y, s = np.array([[0, 1, 0], [1, 0, 1]]), np.array([[0.2, 0.7, 0.3], [0.6, 0.9, 0.4]])
    more = np.vstack([y, np.zeros((2, 3))]), np.vstack([s, [[1, 1, 1], [0, 0, 0]]])
    assert METRICS[name](*more) == pytest.approx(METRICS[name](y, s))


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_the_proteins_changes_nothing(name):
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, (20, 3)), rng.integers(0, 11, (20, 3)) / 10
    assert METRICS[name](y[::-1], s[::-1]) == pytest.approx(METRICS[name](y, s))


@pytest.mark.parametrize("name", METRICS)
def test_labels_of_any_type_are_the_same(name):
    y, s = np.array([[0, 1, 0], [1, 0, 1]]), np.array([[0.2, 0.7, 0.3], [0.6, 0.9, 0.4]])
    values = {METRICS[name](y.astype(kind), s) for kind in (bool, int, float, np.uint8)}
    assert len(values) == 1


@pytest.mark.parametrize("name", METRICS)
def test_labels_as_scores_are_perfect(name):
    y = [[1, 1, 0], [1, 0, 1]]  # a, with b or c: closed upward
    assert METRICS[name](y, y) == pytest.approx(0 if name == "smin" else 1)


@pytest.mark.parametrize(
    ("name", "constant", "nothing"),
    # Two proteins, a and b true of one, c of the other. All is said: gearnet has precision
    # (2/3 + 1/3)/2 and recall 1, as has deepfri; cafa with the root (3/4 + 2/4)/2. smin has .5
    # wrong for one and 3 for the other; of nothing, 3 and .5 missed. 3 of 6 pairs are true, and
    # each term of one protein in two.
    [
        ("gearnet", 2 / 3, 2 / 3),
        ("deepfri", 2 / 3, 0),
        ("cafa", 10 / 13, 0),
        ("smin", 1.75, 1.75),
        ("micro", 1 / 2, 1 / 2),
        ("macro", 1 / 2, 1 / 2),
    ],
)
def test_constant_scores_and_nothing_said_have_a_value(name, constant, nothing):
    y = [[1, 1, 0], [0, 0, 1]]
    assert METRICS[name](y, np.full((2, 3), 0.4)) == pytest.approx(constant)
    assert METRICS[name](y, np.zeros((2, 3))) == pytest.approx(nothing)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (0, 0)])
def test_no_label_leaves_no_value(name, shape):
    with pytest.raises(Undefined, match=r"one label at least must be 1, got none in \["):
        METRICS[name](np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("y", "s", "message"),
    [
        ([[1, 0, 0]], [[1, 0]], r"same shape \[B, C\], got \[1, 3\] and \[1, 2\]"),
        ([1, 0, 0], [1, 0, 0], r"same shape \[B, C\], got \[3\] and \[3\]"),
        ([[1, 0, 0]], [[1, np.nan, np.inf]], "scores are finite, got 2 that are not"),
        ([[1, 2, 0]], [[1, 0, 0]], "labels are 0 or 1, got 2"),
        ([[1, np.nan, 0]], [[1, 0, 0]], "labels are 0 or 1, got nan"),
    ],
)
def test_what_is_no_label_or_score_is_an_error(name, y, s, message):
    with pytest.raises(ValueError, match=message):
        METRICS[name](y, s)


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("score", [-0.1, 1.1])
def test_fixed_thresholds_need_scores_from_0_to_1(name, score):
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        METRICS[name]([[1, 0, 0]], [[score, 0.5, 0.5]])


@given(st.lists(st.floats(0, 1), min_size=1), st.booleans())
def test_the_thresholds_a_score_reaches_are_those_of_a_search(scores, strict):
    near = np.arange(101) / 100
    s = np.concatenate([scores, near, np.nextafter(near, 2), np.nextafter(near, -1)])
    s = np.clip(s, 0, 1)
    for grid in (np.arange(0.01, 1, 0.01), np.arange(1, 100) / 100):
        found = np.searchsorted(grid, s, side="left" if strict else "right")
        assert (_bins(s, grid, strict) == found).all()


# Resamples


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_weighted_curves_are_repeated_proteins(seed, weighted):
    group, terms, y, s = made(seed, CAFA)
    bits = information(y, terms, group) if weighted else None
    told = {"protocol": "cafa", "terms": terms, "ontology": group, "information": bits}
    one = curves(y, s, **told)
    weights = np.random.default_rng(seed).poisson(0.5, len(y))
    again = curves(np.repeat(y, weights, axis=0), np.repeat(s, weights, axis=0), **told)
    assert best_f(one, weights) == pytest.approx(best_f(again), abs=1e-12)
    assert least_s(one, weights) == pytest.approx(least_s(again), abs=1e-12)
    with pytest.raises(Undefined, match="one protein at least must have a label"):
        best_f(one, weights * 0)


@given(cases(), st.integers(0, 10_000))
def test_weighted_steps_are_repeated_proteins(case, seed):
    y, s = case
    weights = np.random.default_rng(seed).poisson(1, len(y))
    weights[0] += 1
    again = steps(np.repeat(y, weights, axis=0), np.repeat(s, weights, axis=0))
    value = best_exact_f(steps(y, s), weights)
    assert value == pytest.approx(best_exact_f(again), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_an_interval(name):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (30, 3)).astype(float)
    s = np.clip(0.3 * y + 0.7 * rng.random(y.shape), 0, 1)
    interval = bootstrap(METRICS[name], y, s, np.arange(30) // 3, samples=40)
    assert interval.value == pytest.approx(METRICS[name](y, s))
    assert interval.low < interval.value < interval.high
