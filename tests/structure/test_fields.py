"""Fields of text become the numbers that Python's own parser makes of them, or are refused."""

from __future__ import annotations

import math
from itertools import product
from string import printable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.structure.atoms import packed, unpacked
from protgraph.structure.fields import Lines, NotPlain, charged, decimals, hydrogens, names


def words(*texts: str) -> np.ndarray:
    return np.array([packed(text) for text in texts], dtype=np.uint64)


@given(st.lists(st.integers(-999_999, 9_999_999), min_size=1))
def test_decimals_are_those_of_float_to_the_last_bit(thousandths):
    texts = [f"{n / 1000:8.3f}" for n in thousandths]
    assert decimals(words(*texts)).tobytes() == np.array([float(t) for t in texts]).tobytes()


def test_a_negative_zero_keeps_its_sign():
    assert math.copysign(1, decimals(words("  -0.000"))[0]) == -1


@given(st.text("0123456789 .-+:/e", min_size=8, max_size=8))
def test_what_is_no_number_of_that_form_is_refused(text):
    try:
        [found] = decimals(words(text)).tolist()
    except NotPlain:
        return
    assert found == float(text)
    assert text[4] == "."


def test_a_refused_number_among_many_refuses_all():
    with pytest.raises(NotPlain):
        decimals(words(*["   1.000"] * 999, "   1.00 "))


@pytest.mark.parametrize("text", ["GLY", " DA", "U  ", "  U", "A1 ", "+3'"])
def test_names_lose_the_blanks_around_them(text):
    assert unpacked(int(names(words("ALA", text))[1])) == text.strip()


@pytest.mark.parametrize("text", ["   ", "A B", "A\tB", "A\x00B", "\x7fAB"])
def test_names_with_other_characters_are_refused(text):
    with pytest.raises(NotPlain):
        names(words("ALA", text))


def test_hydrogen_is_what_gemmi_takes_for_it():
    import gemmi

    for first, last in product(printable[:95], repeat=2):
        lines = Lines(f"{' ' * 76}{first}{last}  \n".encode(), 0, 81, 1)
        try:
            found = hydrogens(lines)
        except NotPlain:
            continue
        element = gemmi.Element(first + last) if (first + last).strip() else gemmi.Element("C")
        assert found.tolist() == [element.is_hydrogen]
        assert element.atomic_number > 0


def test_charges_are_taken_where_gemmi_takes_them():
    import gemmi

    atom = "ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    for first, last in product("0159 +-*AZaz", repeat=2):
        try:
            gemmi.read_pdb_string(f"{atom}{first}{last}\n")
        except RuntimeError:
            taken = False
        else:
            taken = True
        assert charged(np.frombuffer((first + last).encode(), "<u2")) == taken
