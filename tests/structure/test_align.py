"""Laws of placing observed residues in a full sequence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.structure.align import CA, STEP, breaks, missing, place

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def _numbers(*plain: int) -> np.ndarray:
    return 256 * np.array(plain) + ord(" ")


@st.composite
def _cut(draw: st.DrawFn) -> tuple[str, list[int]]:
    """Full sequence, and the positions that were observed: some pieces of it, in order."""
    full = draw(st.text(LETTERS, min_size=12, max_size=60))
    ends = draw(st.sets(st.integers(0, len(full)), min_size=2, max_size=6))
    cuts = sorted(ends)[: len(ends) // 2 * 2]
    pieces = zip(cuts[::2], cuts[1::2], strict=True)
    return full, [i for start, stop in pieces for i in range(start, stop)]


@settings(deadline=None)
@given(_cut())
def test_pieces_of_a_sequence_find_their_letters_in_order(case: tuple[str, list[int]]) -> None:
    full, rows = case
    observed = "".join(full[i] for i in rows)
    broken = np.diff(rows) > 1
    found = place(observed, full, broken, _numbers(*range(len(rows))))
    assert found.sequence == full
    assert found.identity == 1.0
    assert (np.diff(found.at) > 0).all()
    assert [full[i] for i in found.at] == list(observed)
    assert (np.diff(found.at)[~broken] == 1).all()


@settings(deadline=None)
@given(_cut(), st.integers(-20, 500))
def test_right_numbers_give_the_right_places(case: tuple[str, list[int]], shift: int) -> None:
    full, rows = case
    observed = "".join(full[i] for i in rows)
    found = place(observed, full, np.diff(rows) > 1, _numbers(*[i + shift for i in rows]))
    steps = np.array(rows) - rows[0]
    assert (found.at - found.at[0]).tolist() == steps.tolist()


def test_the_numbers_decide_between_equal_letters_at_a_gap() -> None:
    full = "MKVWAAAAAAAGHTP"
    observed = "MKVW" + "AA" + "GHTC"  # a mutation, so that not every letter fits
    at = [0, 1, 2, 3, 6, 7, 11, 12, 13, 14]
    found = place(observed, full, np.diff(at) > 1, _numbers(*at))
    assert found.at.tolist() == at


def test_a_short_piece_between_two_breaks_is_found() -> None:
    full = "MKVWTTLPAEEDGSSKQQRNHIFYCC"
    rows = [*range(5), *range(12, 15), *range(21, 26)]
    found = place(
        "".join(full[i] for i in rows), full, np.diff(rows) > 1, _numbers(*range(len(rows)))
    )
    assert found.at.tolist() == rows


def test_a_tag_that_the_full_sequence_lacks_is_put_in() -> None:
    full = "MKVWTTLPAEEDGSSKQQRNHIFYCC"
    found = place("HHHHHH" + full[3:], full, np.zeros(28, dtype=bool), _numbers(*range(29)))
    assert found.sequence == "MKV" + "HHHHHH" + full[3:]
    assert found.added.tolist() == [True] * 6 + [False] * 23
    assert found.identity == pytest.approx(23 / 29)


def test_an_unbroken_chain_is_not_torn_for_a_mutation() -> None:
    full = "MKVWTTLPAEEDGSSKQQRNHIFYCC"
    observed = full[:10] + "W" + full[11:]
    found = place(observed, full, np.zeros(25, dtype=bool), _numbers(*range(26)))
    assert found.at.tolist() == list(range(26))
    assert found.identity == pytest.approx(25 / 26)


@settings(deadline=None, max_examples=50)
@given(st.text(LETTERS, min_size=2, max_size=25), st.text(LETTERS, min_size=2, max_size=25))
def test_an_unbroken_chain_scores_as_biopython_aligns_it(observed: str, full: str) -> None:
    from Bio.Align import PairwiseAligner

    from protgraph.structure import align

    aligner = PairwiseAligner(mode="global", match_score=align.MATCH)
    aligner.mismatch_score = align.MISMATCH
    aligner.open_internal_deletion_score, aligner.extend_internal_deletion_score = -align.GAP, 0
    aligner.open_insertion_score, aligner.extend_insertion_score = -align.OPEN, -align.EXTEND
    aligner.end_deletion_score = 0
    broken = np.zeros(len(observed) - 1, dtype=bool)
    at, anchors = align._aligned(observed, full, broken, _numbers(*range(len(observed))))
    assert _score(at, anchors, observed, full) == pytest.approx(aligner.score(full, observed))


def _score(at: np.ndarray, anchors: np.ndarray, observed: str, full: str) -> float:
    from protgraph.structure.align import EXTEND, GAP, MATCH, MISMATCH, OPEN

    score, after, inside = 0.0, None, False
    for i, (position, anchor) in enumerate(zip(at.tolist(), anchors.tolist(), strict=True)):
        if after is not None and anchor != after:
            score, inside = score - GAP, False
        if position < 0:
            score -= EXTEND if inside else OPEN
            inside, after = True, anchor
        else:
            score += MATCH if observed[i] == full[position] else MISMATCH
            inside, after = False, position + 1
    return score


def test_breaks_are_long_steps_absent_atoms_and_jumps_of_the_number() -> None:
    backbone = np.zeros((5, 4, 3))
    backbone[:, CA, 0] = [0, 3.8, 3.8 + STEP + 0.1, 12.2, np.nan]
    numbers = _numbers(1, 2, 3, 9, 10)
    assert breaks(backbone, numbers).tolist() == [False, True, True, True]
    assert missing(backbone, numbers).tolist() == [0, 0, 0, 0]
