"""Relatives are found by one rule, however they are searched; families are their components."""

from __future__ import annotations

import csv
import gzip
import math
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.data import neighbours, seeds
from protgraph.data.cluster import Union, cluster, join
from protgraph.data.neighbours import nearest, related, relation, search
from protgraph.data.seeds import (
    APART,
    BAND,
    BEFORE,
    HITS,
    NOISE,
    SEEDS,
    THOROUGH,
    WINDOW,
    _diagonals,
    _ungapped,
    _windows,
    candidates,
    index,
)
from protgraph.structure.identity import align, chance, score, similarities
from protgraph.structure.residues import LETTERS, codes

AMINO = LETTERS[:20]


def natural(rng, length):
    """A random protein."""
    return "".join(rng.choice(list(AMINO), length))


def mutated(rng, sequence, identity):
    """A homolog: exactly this share of the letters stays, the others change to another letter."""
    letters = list(sequence)
    count = len(letters) - math.ceil(identity * len(letters))
    for place in rng.permutation(len(letters))[:count]:
        letters[place] = rng.choice([a for a in AMINO if a != letters[place]])
    return "".join(letters)


def family(seed, *, families=4, members=3, identity=0.6, length=120):
    """Planted families: (name, sequence), the name's first letter is the family."""
    rng = np.random.default_rng(seed)
    items = []
    for k in range(families):
        founder = natural(rng, length)
        items += [(f"{chr(97 + k)}{m}", mutated(rng, founder, identity)) for m in range(members)]
    return items


# ---- the alignment


def test_an_alignment_by_hand():
    # W 11, C 9 and a gap of one letter 12: WWWWW-CCCCC has 10 equal letters in 11 columns.
    found = align("WWWWWCCCCC", "GWWWWWPCCCCCG")
    assert found.score == 5 * 11 + 5 * 9 - 12
    # As good without a gap: C on P costs 3, and the last C is left out. The first is shorter.
    found = align("WWWWWCCCCCHH", "GWWWWWPCCCCCHHG")
    assert found == (88 + 16, 12 / 13, 1.0, 13 / 15)


def test_gaps_of_several_letters_cost_less_than_several_gaps():
    assert score("WWWWWCCCCC", "WWWWWPPPCCCCC") == 100 - 11 - 3


def test_an_unknown_letter_equals_nothing():
    assert align("MKWXWYMM", "MKWXWYMM").identity == 7 / 8


def test_nothing_aligns_where_no_pair_of_letters_scores():
    assert align("WWW", "DDD") == (0, 0, 0, 0)


@given(st.text(AMINO, min_size=1, max_size=40), st.text(AMINO, min_size=1, max_size=40))
@settings(max_examples=50)
def test_swapping_the_sequences_swaps_the_coverages_alone(a, b):
    one, two = align(a, b), align(b, a)
    assert one[:2] == two[:2]
    assert (one.first, one.second) == (two.second, two.first)
    assert one.score == score(a, b) == score(b, a)
    assert 0 <= one.identity <= 1
    assert max(one[2:]) <= 1


def test_what_is_chance_by_the_formula_of_karlin_and_altschul():
    assert chance(80, 100, 200) == pytest.approx(0.041 * 100 * 200 * math.exp(-0.267 * 80))


def test_the_table_of_similarities_is_blosum62():
    table = similarities()
    assert (table == table.T).all()
    pairs = {"AA": 4, "WW": 11, "LI": 2, "DE": 2, "WC": -2, "XA": 0, "XW": -2}
    assert {p: table[LETTERS.index(p[0]), LETTERS.index(p[1])] for p in pairs} == pairs


# ---- the search


def plain_ungapped(a, b, shift):
    """Best segment on the diagonal where the first letter of a stands at place `shift` of b."""
    run = best = 0
    table = similarities()
    for i, letter in enumerate(a):
        other = b[i + shift] if 0 <= i + shift < len(b) else "X"
        run = max(0, run + int(table[LETTERS.index(letter), LETTERS.index(other)]))
        best = max(best, run)
    return best


def plain_diagonals(a, b):
    """Diagonals where `HITS` seeds fit."""
    found = []
    for shift in range(-len(a), len(b)):
        hits = sum(
            all(
                0 <= i + s < len(a) and 0 <= i + s + shift < len(b) and a[i + s] == b[i + s + shift]
                for s in seed
            )
            for seed in SEEDS
            for i in range(len(a))
        )
        if hits >= HITS:
            found.append(shift)
    return found


@given(st.lists(st.text("ACW", min_size=8, max_size=20), min_size=2, max_size=4))
@settings(max_examples=40)
def test_diagonals_and_their_scores_are_those_of_a_plain_loop(sequences):
    query, *targets = sequences
    made = index(targets, longest=len(query))
    letters = codes(query).astype(np.uint8)
    diagonals = np.unique(_diagonals(letters, made)[0])
    expected = [
        (int(start) + shift, plain_ungapped(query, target, shift))
        for start, target in zip(made.starts, targets, strict=True)
        for shift in plain_diagonals(query, target)
    ]
    scores = _ungapped(letters, diagonals, made.letters)
    assert list(zip(diagonals.tolist(), scores.tolist(), strict=True)) == expected


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_a_window_is_scored_as_its_part_of_the_diagonal(seed):
    query, *targets = [s for _, s in family(seed, families=2, identity=0.7, length=90)]
    made = index(targets, longest=len(query))
    letters = codes(query).astype(np.uint8)
    diagonals, own = _diagonals(letters, made)
    assert (np.diff(own)[np.diff(diagonals) == 0] > 0).all()
    assert len(own) > len(np.unique(diagonals))  # relatives have several windows
    owner = np.searchsorted(made.starts, diagonals + len(query) - 1, side="right") - 1
    expected = []
    for diagonal, place, k in zip(diagonals.tolist(), own.tolist(), owner.tolist(), strict=True):
        low, high = max(place - BEFORE, 0), place - BEFORE + WINDOW
        shift = diagonal - int(made.starts[k]) + low
        # Letters before the target's first are X, as those behind its last.
        target = "X" * len(query) + targets[k]
        expected.append(plain_ungapped(query[low:high], target, shift + len(query)))
    assert _windows(letters, diagonals, own, made.letters).tolist() == expected


def test_every_seed_of_a_long_diagonal_is_in_a_window():
    query = natural(np.random.default_rng(0), 300)
    letters = codes(query).astype(np.uint8)
    made = index([query], longest=300)
    diagonals, own = _diagonals(letters, made)
    own = own[diagonals == made.starts[0]]
    assert own[0] == 0
    assert np.diff(own).max() < 2 * APART
    assert (np.unique(own // APART) == np.arange(300 // APART)).all()


def test_no_word_is_of_two_sequences():
    made = index(["AC", "DEF", "GHIKL"], longest=5)
    assert [[len(places) for _, places in made.tables]] == [[1 + 3, 2, 1, 0]]
    assert sorted(made.tables[0][1].tolist()) == sorted(
        [int(made.starts[1])] + [int(made.starts[2]) + k for k in range(3)]
    )


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_best_few_are_the_first_of_all(monkeypatch, most):
    monkeypatch.setattr(seeds, "SPARE", 2)
    texts = [s for _, s in family(8, families=6, members=5, identity=0.6)]
    made = index(texts, longest=120)
    for text in texts:
        targets, scores = candidates(text, made, least=20)
        few = candidates(text, made, least=20, most=most)
        assert few[0].tolist() == targets[:most].tolist()
        assert few[1].tolist() == scores[:most].tolist()


def test_looking_at_windows_first_loses_no_real_relative(data, monkeypatch):
    with gzip.open(data / "function_ec" / "ec_chains.tsv.gz", "rt", newline="") as file:
        texts = [row["sequence"] for row in csv.DictReader(file, delimiter="\t")][::25]
    made = index(texts, longest=max(map(len, texts)))
    quick = [candidates(text, made)[0].tolist() for text in texts]
    few = [candidates(text, made, most=3)[0].tolist() for text in texts]
    monkeypatch.setattr(seeds, "SLACK", 10**6)  # every diagonal is scored whole
    whole = [candidates(text, made)[0].tolist() for text in texts]
    lost = [(a, b) for a, found in enumerate(whole) for b in found if b not in quick[a]]
    assert len(lost) < 0.03 * sum(map(len, whole))
    lost += [(a, b) for a, found in enumerate(whole) for b in found[:3] if b not in few[a]]
    assert not [pair for pair in lost if related(*(texts[k] for k in pair))]


@given(st.integers(0, 1000))
@settings(max_examples=8)
def test_a_score_is_the_sum_over_near_diagonals(seed):
    rng = np.random.default_rng(seed)
    parts = [natural(rng, 12) for _ in range(3)]
    query = "".join(parts)
    # Insertions put the three parts on the diagonals 0, 9 and 18: the middle one sees all.
    target = natural(rng, 9).join(parts)
    own = {shift: plain_ungapped(query, target, shift) for shift in plain_diagonals(query, target)}
    sums = [
        sum(max(own[b] - NOISE, 0) for b in own if abs(a - b) <= BAND) + NOISE
        for a in own
        if own[a] > NOISE
    ]
    _, scores = candidates(query, index([target], longest=40), least=1)
    assert scores.tolist() == [max(sums)]
    assert max(sums) > sum(max(own[a] - NOISE, 0) for a in (0, 9)) + NOISE


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_a_candidate_depends_on_its_two_sequences_alone(seed):
    texts = [s for _, s in family(seed, identity=0.45)]
    for place in (0, 5):
        whole = index(texts, longest=max(map(len, texts)))
        targets, scores = candidates(texts[place], whole, least=20)
        for target, value in zip(targets.tolist(), scores.tolist(), strict=True):
            alone = candidates(texts[place], index([texts[target]], longest=120), least=20)
            back = candidates(texts[target], index([texts[place]], longest=150), least=20)
            assert alone[1].tolist() == back[1].tolist() == [value]


def test_the_end_of_one_target_and_the_start_of_the_next_are_not_added():
    query = "WCHWCH" + "G" * 28 + "CWMCWM"
    texts = ["A" * 34 + query[:6], query[-6:] + "A" * 34]
    alone = [candidates(query, index([text], longest=40), least=1)[1] for text in texts]
    targets, scores = candidates(query, index(texts, longest=40), least=1)
    assert scores[np.argsort(targets)].tolist() == np.concatenate(alone).tolist()


def test_the_best_candidate_is_first_and_the_least_score_is_kept():
    rng = np.random.default_rng(0)
    founder = natural(rng, 150)
    texts = [mutated(rng, founder, share) for share in (0.5, 0.9, 0.7)] + [natural(rng, 150)]
    targets, scores = candidates(founder, index(texts, longest=150))
    assert targets.tolist() == [1, 2, 0]
    assert (np.diff(scores) < 0).all()
    assert candidates(founder, index(texts, longest=150), least=scores[1])[0].tolist() == [1, 2]


def test_an_index_says_how_long_a_query_may_be():
    with pytest.raises(ValueError, match="the index has room for 5 letters, got 6"):
        candidates("MKWYAC", index(["MKWYAC"], longest=5))
    with pytest.raises(ValueError, match=r"room for 2\^31 letters, but 2 sequences"):
        index(["A", "C"], longest=2**30)


def test_equal_sequences_are_found_however_short():
    assert [p.tolist() for p in search(["AC"], ["MK", "AC", "AC"], method="builtin")] == [[1, 2]]
    assert nearest(["AC"], ["MK", "AC"])[0] == (1, 1.0, 1.0)


def test_short_likeness_is_chance():
    # Two tetrapeptides that differ by a letter: 75 % identical, and it says nothing.
    assert align("MKWY", "MKWF").identity == 0.75
    assert relation("MKWY", "MKWF") is None


@given(st.text("ACDW", min_size=1, max_size=60), st.text("ACDW", min_size=1, max_size=60))
@settings(max_examples=40)
def test_an_expected_relation_is_the_same_relation(a, b):
    assert relation(a, b, likely=True) == relation(a, b)
    assert relation(a, a + b, likely=True) == relation(a, a + b)


def test_coverage_is_asked_of_one_of_the_two():
    rng = np.random.default_rng(1)
    domain, rest = natural(rng, 60), natural(rng, 400)
    assert related(domain, rest[:200] + domain + rest[200:])
    half = natural(rng, 100)
    assert not related(half + domain, rest + domain)
    assert related(half + domain, rest + domain, coverage=0.3)


def test_the_nearest_is_the_most_identical_not_the_longest():
    rng = np.random.default_rng(2)
    founder = natural(rng, 200)
    targets = [mutated(rng, founder, 0.7), mutated(rng, founder[:120], 0.9), natural(rng, 200)]
    (found,) = nearest([founder], targets)
    assert found.target == 1
    assert found.identity == pytest.approx(0.9, abs=0.02)
    assert found.coverage == pytest.approx(0.6, abs=0.02)


# ---- families


@given(st.integers(0, 1000), st.randoms())
@settings(max_examples=15)
def test_planted_families_are_found_in_any_order(seed, shuffled):
    items = family(seed)
    expected = tuple((name, f"{name[0]}0") for name, _ in sorted(items))
    made = cluster(items, method="builtin")
    assert made.rows == expected
    assert (made.count, made.method) == (4, "builtin")
    shuffled.shuffle(items)
    assert cluster(items, method="builtin") == made


@pytest.mark.parametrize("identity", [0.4, 0.5, 0.7])
def test_few_planted_homologs_are_missed(identity):
    """At 40 % without gaps, which is hard for seeds of equal letters, at most 1 in 20."""
    rng = np.random.default_rng(3)
    founders = [natural(rng, 200) for _ in range(60)]
    homologs = [mutated(rng, founder, identity) for founder in founders]
    true = [related(*pair) for pair in zip(founders, homologs, strict=True)]
    found = list(search(homologs, founders, method="builtin", least=THOROUGH))
    hit = [place in places for place, places in enumerate(found) if true[place]]
    assert np.mean(hit) >= 0.95


def test_families_grow_by_chains_of_relatives():
    rng = np.random.default_rng(4)
    a, b = natural(rng, 80), natural(rng, 80)
    made = cluster([("one", a), ("two", b), ("link", a + b)], method="builtin")
    assert dict(made.rows) == {"one": "link", "two": "link", "link": "link"}


@pytest.mark.parametrize("search", ["builtin", "exact"])
def test_no_pair_is_aligned_twice(monkeypatch, search):
    asked = []
    monkeypatch.setattr(
        "protgraph.data.cluster.related", lambda a, b, **_: asked.append(frozenset((a, b)))
    )
    texts = [s for _, s in family(9)]
    join(Union(12), texts, range(12), identity=0.3, coverage=0.5, method=search)
    assert len(asked) == len(set(asked)) > 0
    assert search == "builtin" or len(asked) == 12 * 11 / 2


def test_the_threshold_decides():
    rng = np.random.default_rng(5)
    founder = natural(rng, 200)
    items = [("a", founder), ("b", mutated(rng, founder, 0.6))]
    assert cluster(items, method="builtin", identity=0.5).count == 1
    assert cluster(items, method="builtin", identity=0.7).count == 2


def test_a_table_and_a_hash_of_families():
    made = cluster([("b", "ACDEF"), ("a", "ACDEF")], method="builtin")
    assert made.tsv() == "name\tfamily\na\ta\nb\ta\n"
    assert made.digest == cluster([("a", "ACDEF"), ("b", "acdef")], method="builtin").digest
    assert made.digest != cluster([("a", "ACDEF"), ("b", "WYHKR")], method="builtin").digest


def test_aligning_all_pairs_misses_nothing():
    rng = np.random.default_rng(6)
    founder = natural(rng, 150)
    items = [(f"a{k}", mutated(rng, founder, 0.55)) for k in range(6)]  # about 33 % to each other
    texts = dict(items)
    pairs = [(a, b) for a in texts for b in texts if a < b and related(texts[a], texts[b])]
    made = dict(cluster(items, method="exact").rows)
    assert pairs
    assert all(made[a] == made[b] for a, b in pairs)
    (found,) = nearest([founder], list(texts.values()), method="exact", most=1)
    shares = [align(founder, text).identity for text in texts.values()]
    assert found.target == int(np.argmax(shares))


def test_auto_says_what_ran_and_mmseqs_is_never_replaced(monkeypatch):
    monkeypatch.setattr(neighbours.shutil, "which", lambda name: None)
    assert cluster([("a", "ACDEF")], method="auto").method == "builtin"
    with pytest.raises(ValueError, match=r"no program mmseqs on the PATH.*conda install"):
        cluster([("a", "ACDEF")], method="mmseqs")
    monkeypatch.setattr(neighbours.shutil, "which", lambda name: "/bin/mmseqs")
    assert neighbours.method("auto") == "mmseqs"


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="MMseqs2 is not installed")
def test_mmseqs_finds_the_same_planted_families():
    items = family(7)
    assert cluster(items, method="mmseqs").rows == cluster(items, method="builtin").rows


def test_a_failing_mmseqs_is_an_error(monkeypatch, tmp_path):
    program = tmp_path / "mmseqs"
    program.write_text("#!/bin/sh\necho no room left >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(ValueError, match="mmseqs easy-search failed: no room left"):
        cluster([("a", "ACDEF"), ("b", "WYHKR")], method="mmseqs")


@pytest.mark.parametrize(
    ("items", "words", "match"),
    [
        ([("a", "MK"), ("a", "MK")], {}, "two are named 'a'"),
        ([("a", "")], {}, "a: the sequence is empty"),
        ([("a", "M1")], {}, "letters A to Z, got '1'"),
        ([], {}, "One protein at least"),
        ([("a", "MK")], {"identity": 30}, "identity is a share.* got 30"),
        ([("a", "MK")], {"coverage": 0}, "coverage is a share.* got 0"),
        ([("a", "MK")], {"identity": math.nan}, "identity is a share.* got nan"),
        ([("a", "MK")], {"method": "blast"}, "Unknown method 'blast'"),
    ],
)
def test_what_cannot_be_clustered_is_an_error(items, words, match):
    with pytest.raises(ValueError, match=match):
        cluster(items, **{"method": "builtin", **words})
