"""Ontologies: what a file may say, what rises to the parents, and the program that defines it."""

from __future__ import annotations

import csv
import gzip

import cafaeval.graph
import cafaeval.parser
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.tasks.ec import ec_forms, ec_ontology
from protgraph.tasks.obo import load
from protgraph.tasks.ontology import CAFA, DEEPFRI, Ontology, information, ordered

SMALL = """format-version: 1.2
default-namespace: process

! a comment
[Term]
id: T:4
name: leaf: with a colon
alt_id: T:40
is_a: T:2 {source="x"} ! two
relationship: part_of T:3 ! three
relationship: regulates T:5 ! five

[Term]
id: T:1
name: root
namespace: process

[Term]
id: T:2
name: two
is_a: T:1

[Term]
id: T:3
name: three
is_a: T:1
relationship: part_of T:9 ! elsewhere

[Term]
id: T:5
name: five
is_a: T:1

[Term]
id: T:6
name: gone
is_obsolete: true

[Term]
id: T:9
name: elsewhere
namespace: component

[Typedef]
id: part_of
name: part of
namespace: external
"""


@pytest.fixture
def written(tmp_path):
    """Put text in a file and read it."""

    def read(text, **options):
        path = tmp_path / "made.obo"
        path.write_text(text)
        return load(path, **options)

    return read


@pytest.fixture
def small(written):
    return written(SMALL)


def parents(ontology):
    return {
        term: {ontology.terms[p] for p in above}
        for term, above in zip(ontology.terms, ontology.parents, strict=True)
    }


def random_obo(seed, terms=300):
    """Terms of two namespaces, one to three parents, some of them across; alternative ids."""
    draw = np.random.default_rng(seed)
    text = "format-version: 1.2\n"
    for i in range(terms):
        text += f"\n[Term]\nid: GO:{i:07d}\nname: term {i}\nnamespace: {'ab'[i % 2]}\n"
        if i % 7 == 0:
            text += f"alt_id: OLD:{i:07d}\n"
        if i < 2 or i % 50 == 0:
            continue
        for parent in sorted({int(p) for p in draw.integers(0, i, draw.integers(1, 4))}):
            kind = draw.choice(["is_a:", "relationship: part_of", "relationship: regulates"])
            text += f"{kind} GO:{parent:07d} ! term {parent}\n"
    return text + "\n[Term]\nid: GO:9999999\nname: gone\nnamespace: a\nis_obsolete: true\n"


# Reading


def test_a_file_by_hand(small):
    assert parents(small) == {
        "T:1": set(), "T:2": {"T:1"}, "T:3": {"T:1"}, "T:4": {"T:2", "T:3"}, "T:5": {"T:1"},
        "T:9": set(),
    }  # fmt: skip
    assert set(small.roots) == {"T:1", "T:9"}
    assert small.relations == CAFA
    place = small.terms.index("T:4")
    assert small.names[place] == "leaf: with a colon"
    assert small.namespaces[place] == "process"
    assert small.namespaces[small.terms.index("T:9")] == "component"


def test_only_the_relations_asked_for_make_parents(written):
    assert parents(written(SMALL, relations=["is_a"]))["T:4"] == {"T:2"}
    assert parents(written(SMALL, relations=DEEPFRI))["T:4"] == {"T:2", "T:3", "T:5"}


def test_a_compressed_file_is_the_same(tmp_path, small):
    path = tmp_path / "made.obo.gz"
    path.write_bytes(gzip.compress(SMALL.encode()))
    assert load(path).terms == small.terms
    assert load(path).parents == small.parents


@pytest.mark.parametrize("seed", range(3))
def test_parents_and_order_are_those_of_cafaeval(tmp_path, written, seed):
    ours = written(random_obo(seed))
    theirs = cafaeval.parser.obo_parser(tmp_path / "made.obo")
    for space, graph in theirs.items():
        assert {ours.namespaces[ours.terms.index(t)] for t in graph.terms_dict} == {space}
        for term in graph.terms_list:
            above = {graph.terms_list[j]["id"] for j in term["adj"]}
            assert parents(ours)[term["id"]] == above
    assert len(ours.terms) == sum(len(graph.terms_list) for graph in theirs.values())
    for place, above in enumerate(ours.parents):
        assert all(parent < place for parent in above)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: two\n", "", r"every term has a tag name, but T:2 lacks it"),
        ("id: T:2\n", "", r"every term has a tag id, but a term lacks it"),
        ("default-namespace: process", "", r"every term has a tag namespace, but T:4 lacks it"),
        ("id: T:2\n", "id: T:3\n", r"once, but T:3 twice"),
        ("id: T:2\n", "id: T:6\n", r"once, but T:6 twice"),
        ("id: T:9\n", "id: T:6\n", r"once, but T:6 twice"),
        ("id: T:5\n", "id: T:7\n", None),
        ("is_a: T:2", "is_a: T:7", r"a parent is a term, but T:4 is_a 'T:7'"),
        ("part_of T:3", "part_of T:6", r"a parent is a term, but T:4 part_of 'T:6'"),
        ("part_of T:3 ! three", "part_of", r"a parent is a term, but T:4 part_of ''"),
        ("name: two\nis_a: T:1", "name: two\nis_a: T:4", r"above itself, got T:\d -> T:\d -> T:\d"),
        ("name: two\nis_a: T:1", "name: two\nis_a: T:2", r"above itself, got T:2 -> T:2"),
        ("name: two", "name two", r"line 20: a line is 'tag: value', got 'name two'"),
        ("[Term]\nid: T:2", "[Ter", r"line 18: a line is 'tag: value', got '\[Ter'"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_term(written, old, new, message):
    assert old in SMALL
    if message is None:  # the control: a change that damages nothing
        assert "T:7" in written(SMALL.replace(old, new, 1)).terms
        return
    with pytest.raises(ValueError, match=message):
        written(SMALL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.obo.gz", gzip.compress(SMALL.encode(), mtime=0)[:-20], "text, plain or gzip, but"),
        ("plain.obo.gz", SMALL.encode(), "text, plain or gzip, but Not a gzipped"),
        ("packed.obo", gzip.compress(SMALL.encode(), mtime=0), "text, plain or gzip, but"),
        ("empty.obo", b"", "one term at least, got none"),
        ("gone.obo", b"[Term]\nid: T:1\nname: x\nis_obsolete: true\n", "one term at least"),
    ],
)
def test_a_file_that_is_no_whole_obo_file_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        load(tmp_path / name)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.obo")


# Names


def test_a_former_name_stands_for_its_term(small):
    assert small.places(["T:40"]) == small.places(["T:4"])
    assert small.closure(["T:40"]) == small.closure(["T:4"])


def test_an_unknown_term_is_an_error_with_near_names(small):
    with pytest.raises(ValueError, match=r"T:11 is not among 6 terms\. Did you mean T:1"):
        small.places(["T:11"])
    with pytest.raises(ValueError, match=r"kinase is not among 6 terms\.$"):
        small.places(["kinase"])


def test_a_term_that_is_obsolete_ambiguous_or_named_twice_is_an_error(small, written):
    with pytest.raises(ValueError, match="T:6 is obsolete"):
        small.places(["T:1", "T:6"])
    with pytest.raises(ValueError, match="each is named once, got T:4 and T:40"):
        small.places(["T:4", "T:40"])
    shared = written(SMALL.replace("name: two", "name: two\nalt_id: T:40"))
    with pytest.raises(ValueError, match="T:40 is a former name of several: T:4, T:2"):
        shared.places(["T:40"])


def test_terms_of_two_namespaces_have_no_single_one(small):
    assert small.namespace(["T:4", "T:1"]) == "process"
    with pytest.raises(ValueError, match=r"one namespace .* got \['component', 'process'\]"):
        small.namespace(["T:4", "T:9"])
    with pytest.raises(ValueError, match=r"one namespace .* got \[\]"):
        small.namespace([])


def test_what_is_above_a_term_by_hand(small):
    assert set(small.closure(["T:4"])) == {"T:1", "T:2", "T:3", "T:4"}
    assert small.closure(["T:4"])[0] == "T:1"
    assert small.closure([]) == ()


def test_a_circle_is_no_ontology():
    with pytest.raises(ValueError, match=r"no term is above itself, got (a -> b -> a|b -> a)"):
        ordered("EC", {"a": ["b"], "b": ["a"]})


# Propagation


def test_scores_rise_by_hand(small):
    # T:4 is below T:2 and T:3, both below T:1; T:5 is below T:1 alone.
    terms = ["T:1", "T:2", "T:3", "T:4", "T:5"]
    raised = small.propagate_scores([[0.1, 0.2, 0.6, 0.4, 0.5]], terms)
    assert raised.tolist() == [[0.6, 0.4, 0.6, 0.4, 0.5]]
    assert small.propagate_labels([[0, 0, 0, 1, 0]], terms).tolist() == [[1, 1, 1, 1, 0]]


def test_scores_rise_through_terms_that_are_no_column(small):
    assert small.propagate_scores([[-3.0, -1.0]], ["T:1", "T:4"]).tolist() == [[-1, -1]]
    onto = ["T:2", "T:1"]
    assert small.propagate_scores([[-3.0, -1.0]], ["T:1", "T:4"], onto=onto).tolist() == [[-1, -1]]


def test_propagation_refuses_what_does_not_fit(small):
    with pytest.raises(ValueError, match=r"one column a term is needed, \[B, 2\], got \[1, 3\]"):
        small.propagate_scores([[1, 2, 3]], ["T:1", "T:4"])
    with pytest.raises(ValueError, match="onto: T:5 is above none of the 1"):
        small.propagate_scores([[1]], ["T:4"], onto=["T:5"])
    with pytest.raises(ValueError, match=r"labels are 0 or 1, got 0\.5"):
        small.propagate_labels([[0.5]], ["T:4"])


@given(st.integers(0, 10_000))
def test_laws_of_propagation(seed):
    ontology = random_ontology(seed)
    draw = np.random.default_rng(seed)
    terms = [t for t in ontology.terms if draw.random() < 0.5] or [ontology.terms[0]]
    s = draw.integers(0, 6, (4, len(terms)))
    raised = ontology.propagate_scores(s, terms)
    assert raised.dtype == s.dtype
    assert (raised >= s).all()
    assert (ontology.propagate_scores(raised, terms) == raised).all()
    for cut in range(7):  # a threshold before is a threshold after
        assert (ontology.propagate_labels(s >= cut, terms) == (raised >= cut)).all()
    for child, term in enumerate(terms):
        for above in set(ontology.closure([term])) & set(terms):
            assert (raised[:, terms.index(above)] >= raised[:, child]).all()


def random_ontology(seed, terms=25):
    draw = np.random.default_rng(seed)
    above = [()] + [
        tuple(sorted({int(p) for p in draw.integers(0, i, draw.integers(0, 4))}))
        for i in range(1, terms)
    ]
    names = tuple(f"T:{i}" for i in range(terms))
    return Ontology(names, names, ("a",) * terms, tuple(above), {}, frozenset(), CAFA)


@pytest.mark.parametrize("seed", range(3))
def test_propagation_is_that_of_cafaeval(tmp_path, written, seed):
    ours = written(random_obo(seed))
    graph = cafaeval.parser.obo_parser(tmp_path / "made.obo")["a"]
    scores = np.random.default_rng(seed).random((20, graph.idxs))
    terms = list(graph.terms_dict)
    raised = ours.propagate_scores(scores, terms)
    cafaeval.graph.propagate(scores, graph, graph.order)
    assert (raised == scores).all()


# Information


def test_information_by_hand(small):
    # Propagated, T:2 is in rows {0, 2}, T:5 in {1}, T:3 in {1, 2, 3}, T:4 in {2}, T:1 in the four
    # with a label. One more protein has all: T:2 is in 3 of 5. T:4 is in all that have both its
    # parents, row 2 alone.
    y = [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]
    bits = information(y, ["T:2", "T:5", "T:3", "T:4"], small)
    assert bits == pytest.approx(
        {
            "T:1": 0,
            "T:2": np.log2(5 / 3),
            "T:3": np.log2(5 / 4),
            "T:5": np.log2(5 / 2),
            "T:4": np.log2(2 / 2),
        }
    )
    assert bits["T:1"] == bits["T:4"] == 0


def test_a_term_never_seen_has_finite_information(small):
    bits = information([[1, 0], [1, 0], [1, 0]], ["T:2", "T:5"], small)
    assert bits["T:5"] == pytest.approx(np.log2(4 / 1))
    assert bits["T:2"] == bits["T:1"] == 0


@given(st.integers(0, 10_000))
def test_information_is_the_share_among_proteins_with_all_parents(seed):
    ontology = random_ontology(seed)
    y = np.random.default_rng(seed).random((30, 25)) < 0.1
    y[0] = False
    y[1, -1] = True
    bits = information(y, ontology.terms, ontology)
    sets = [set(ontology.closure([ontology.terms[j] for j in np.flatnonzero(row)])) for row in y]
    sets = [had for had in sets if had] + [set(ontology.terms)]
    for term, above in parents(ontology).items():
        eligible = [had for had in sets if above <= had]
        share = sum(term in had for had in eligible) / len(eligible)
        assert bits[term] == pytest.approx(-np.log2(share))


def test_information_of_two_namespaces_is_an_error(small):
    with pytest.raises(ValueError, match="one namespace"):
        information([[1, 1]], ["T:4", "T:9"], small)


# EC numbers


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("1.1.1.1", ["1.-.-.-", "1.1.-.-", "1.1.1.-", "1.1.1.1"]),
        ("2.7.7.n1", ["2.-.-.-", "2.7.-.-", "2.7.7.-", "2.7.7.n1"]),
        ("3.4.21.-", ["3.-.-.-", "3.4.-.-", "3.4.21.-"]),
        ("7.-.-.-", ["7.-.-.-"]),
    ],
)
def test_the_forms_of_an_ec_number(number, forms):
    assert list(ec_forms(number)) == forms


@pytest.mark.parametrize(
    "number", ["", "3", "3.4.21", "8.1.1.1", "3.-.21.4", "3.4.21.4.1", "3.4.21.x", "EC:3.4.21.4"]
)
def test_what_is_no_ec_number_is_an_error(number):
    with pytest.raises(ValueError, match="an EC number is like"):
        ec_forms(number)


def test_ec_numbers_are_a_tree_in_any_order():
    enzymes = ec_ontology(["3.4.21.4", "1.1.1.1", "3.4.-.-", "3.4.21.5"])
    assert set(enzymes.roots) == {"1.-.-.-", "3.-.-.-"}
    above = parents(enzymes)
    assert len(above) == 9
    assert all(above[term] == set(ec_forms(term)[-2:-1]) for term in enzymes.terms)


def test_labels_of_the_ec_set_are_closed_at_the_third_field(data):
    with gzip.open(data / "function_ec" / "ec_chains.tsv.gz", "rt") as lines:
        rows = [row["ec"].split(",") for row in csv.DictReader(lines, delimiter="\t")]
    terms = sorted({term for row in rows for term in row})
    enzymes = ec_ontology(terms)
    y = np.array([[term in row for term in terms] for row in rows])
    assert (enzymes.propagate_labels(y, terms) == y).all()
    assert {len(ec_forms(term)) for term in terms} == {3, 4}
