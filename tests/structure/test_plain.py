"""Plain PDB text comes out as gemmi reads it, to the last bit; other text is left to gemmi."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.structure import load
from protgraph.structure import plain as module
from protgraph.structure.fields import NotPlain
from protgraph.structure.plain import plain
from protgraph.structure.read import read

PLACES = {
    "N": (0.1, 1.4, 0.0),
    "CA": (0, 0, 0),
    "C": (1.5, 0, 0),
    "O": (2, 1, 0),
    "CB": (-0.9, -1, 1),
}


def line(  # noqa: PLR0913 (the columns of the format)
    name: str, residue: str = "ALA", number: str = "1", x: float = 1.0, *, chain: str = "A",
    alt: str = " ", share: float = 1.0, record: str = "ATOM", tail: str | None = None,
) -> str:  # fmt: skip
    code = number[-1] if number[-1:].isalpha() else " "
    name = name if len(name) == 4 else f" {name:<3}"
    xyz = "".join(f"{x + shift:8.3f}" for shift in PLACES.get(name.strip(), (3.0, 2.5, 1.5)))
    tail = f"          {name[1:2]:>2}  " if tail is None else tail
    number = number.rstrip(code) if code != " " else number
    return (
        f"{record:<6}{7:5d} {name}{alt}{residue:>3} {chain}{number:>4}{code}   {xyz}"
        f"{share:6.2f}{20.5:6.2f}{tail}"
    )


def residue(
    number: str = "1",
    name: str = "ALA",
    *,
    chain: str = "A",
    record: str = "ATOM",
    tail: Any = None,
) -> list[str]:
    x = 3.8 * int("0" + "".join(filter(str.isdigit, number))) % 1000
    return [line(a, name, number, x, chain=chain, record=record, tail=tail) for a in PLACES]


def chain(name: str = "A", start: int = 1, stop: int = 4, tail: Any = None) -> list[str]:
    return [row for i in range(start, stop) for row in residue(str(i), chain=name, tail=tail)]


WATER = [line("O", "HOH", "501", 50, record="HETATM"), line("O", "HOH", "502", 60, record="HETATM")]
ZINC = line("ZN", " ZN", "601", 9, record="HETATM", tail="          ZN2+")

PLAIN = {
    "one chain": chain(),
    "TER and END": [*chain(), "TER      16      ALA A   3", "END"],
    "wide TER": [*chain(), "TER".ljust(80), *chain("B"), "TER".ljust(80), "END".ljust(80)],
    "several chains": [*chain("A"), *chain("B", 5, 9), *chain("1", -2, 1), *chain(" ")],
    "a chain in two parts": [*chain("A"), *chain("B"), *chain("A", 7, 9)],
    "hetero atoms after TER": [*chain(), "TER", *WATER, ZINC, "END"],
    "hetero atoms without TER": [*chain(), *residue("9", "MSE", record="HETATM"), *WATER, ZINC],
    "hetero atoms of both chains last": [
        *(*chain("A"), "TER", *chain("B"), "TER"),
        *(*residue("80", "GLY", record="HETATM"), *residue("81", chain="B", record="HETATM")),
    ],
    "a second TER": [*chain(), "TER", *residue("9", record="HETATM"), "TER"],
    "water before TER": [*chain(), *WATER, "TER", *residue("9")],
    "water in small letters": [
        *(*chain(), *(row.replace("HOH", "hoh") for row in WATER), "TER", *residue("9")),
    ],
    "hetero atoms first": ["REMARK", *residue("9", "MSE", record="HETATM"), *chain()],
    "TER without a chain first": ["TER", *chain()],
    "a model": ["MODEL        7", *chain(), "TER", "ENDMDL", "END"],
    "a header": ["HEADER    TEST", "SEQRES   1 A    5  GLY ALA ALA ALA GLY", *chain()],
    "a prediction": ["PARENT N/A", *chain(), "TER", "END"],
    "predictions": ["PARENT N/A", *chain(), "TER", "PARENT N/A", *chain("B"), "TER", "END"],
    "an experiment": ["TITLE     ALPHAFOLD", "EXPDTA    X-RAY DIFFRACTION", *chain()],
    "a theoretical model": ["TITLE     ALPHAFOLD", "EXPDTA    THEORETICAL MODEL", *chain()],
    "connections": [*chain(), ZINC, "CONECT    7    8", "MASTER        0    0", "END"],
    "no elements": chain(tail="          ".ljust(14)),
    "lines to column 66": chain(tail=""),
    "lines to column 78": chain(tail="           C"),
    "long lines": chain(tail="           C  and more"),
    "segments": [*chain("A", tail="      SEGA C  "), *chain("B", tail="      SEGB C  ")],
    "charges": [*chain(), *(row[:78] + "1+" for row in residue("9"))],
    "hydrogen": [*residue(), line("H"), line("HB1"), line("1HB ", tail=" " * 11 + "H  ")],
    "deuterium": [*residue(), line("D"), line("DA", tail=" " * 11 + "D  ")],
    "hydrogen without elements": [r[:66] for r in (*residue(), line("H"), line("HA"), line("D"))],
    "alternatives": [
        *residue(),
        *(line(a, "SER", "2", 5, alt="A", share=0.4) for a in PLACES),
        *(line(a, "SER", "2", 6, alt="B", share=0.6) for a in PLACES),
    ],
    "two residues at one place": [
        *residue("4"),
        *(line(a, "SER", "5", 5, alt="A", share=0.4) for a in PLACES),
        *(line(a, "TRP", "5", 6, alt="B", share=0.6) for a in PLACES),
    ],
    "insertion codes": [row for i in ("27", "27A", "27B", "28") for row in residue(i)],
    "negative numbers": [row for i in ("-12", "-1", "0", "1", "9999") for row in residue(i)],
    "falling numbers": [row for i in ("9", "8", "3", "30") for row in residue(i)],
    "names in odd columns": [
        line(name, tail="           C  ")
        for name in ("CA  ", "N   ", "  CB", "   C", " O  ", "OXT ")
    ],
    "atoms named twice": [*residue(), *residue()[:3]],
    "large and small numbers": [
        row.replace(row[30:54], x)
        for row, x in zip(
            residue(),
            ("9999.999-999.9990000.000", "  -0.000   0.000  -0.001", " 123.456 -12.345   1.000",
             "   0.000   0.000   0.000", "-000.000  00.000  10.010"),
            strict=True,
        )
    ],
    "unknown and modified residues": [
        row
        for i, name in enumerate(("UNK", "MSE", "XYZ", " DA", "  U", "HIE"))
        for row in residue(str(i), name)
    ],
    "no CA": [line("N"), line("C")],
    "nothing but water": WATER,
}  # fmt: skip


def changed(rows: list[str], row: int, at: int, text: str) -> list[str]:
    """The lines with another text from column `at` (counted from 0) of one of them."""
    return [r[:at] + text + r[at + len(text) :] if i == row else r for i, r in enumerate(rows)]


ODD = {
    "stars": changed(chain(), 2, 38, "********"),
    "not a number": changed(chain(), 2, 38, "     nan"),
    "an exponent": changed(chain(), 2, 38, "   1.e02"),
    "four decimals": changed(chain(), 2, 38, " 12.3456"),
    "two decimals": changed(chain(), 2, 38, "   12.34"),
    "left-justified coordinates": changed(chain(), 2, 38, "1.000   "),
    "no digit before the point": changed(chain(), 2, 38, "    .500"),
    "a blank after the sign": changed(chain(), 2, 38, " - 1.500"),
    "a plus sign": changed(chain(), 2, 38, "  +1.500"),
    "two signs": changed(chain(), 2, 38, "  --1.500"[:8]),
    "a colon for a digit": changed(chain(), 2, 38, "   1.:00"),
    "no B-factor of a CA": changed(chain(), 1, 60, "      "),
    "a number beyond 9999": changed(chain(), 0, 22, "A000"),
    "no number": changed(chain(), 0, 22, "    "),
    "a left-justified number": changed(chain(), 0, 22, "1   "),
    "an insertion code in small letters": [row for i in ("1", "1a") for row in residue(i)],
    "chain ids of two letters": [row[:20] + "XA" + row[22:] for row in chain()],
    "no residue name": [row[:17] + "   " + row[20:] for row in residue()],
    "a residue name with a blank": [row[:17] + "A B" + row[20:] for row in residue()],
    "an unknown element": changed(chain(), 2, 76, " X"),
    "an element in small letters": changed(chain(), 2, 76, " h"),
    "one element missing": changed(chain(), 2, 76, "  "),
    "no elements and a name in column 13": [row[:66] for row in (*residue(), line("HG11"))],
    "a charge of two digits": changed(chain(), 2, 78, "12"),
    "columns 73-80 that hold an id": [row[:72] + "1ABC  12" for row in chain()],
    "charges of two digits": [row[:78] + "12" for row in chain()],
    "an alternative beyond ASCII": changed(chain(), 1, 16, "\x85"),
    "no elements and a digit in column 14": [row[:66] for row in (*residue(), line(" 1H "))],
    "a short line": [*chain()[:-1], chain()[-1][:70]],
    "lines to column 60": [row[:60] for row in chain()],
    "lines to column 77": [row[:77] for row in chain()],
    "a very long line": [row + " " * 50 for row in chain()],
    "occupancies that are blank": [row[:54] + " " * 6 + row[60:] for row in PLAIN["alternatives"]],
    "a residue in two pieces": [*residue("1"), *residue("2"), line("OXT", number="1")],
    "a residue of both records": [*residue("1"), line("OXT", number="1", record="HETATM")],
    "a residue that begins as HETATM": [line("OXT", record="HETATM"), *residue()],
    "a residue of two segments": [*residue(), line("OXT", tail="      SEGA C  ")],
    "TER inside a residue": [*residue()[:2], "TER", *residue()[2:]],
    "two models": [row for i in "12" for row in (f"MODEL     {i}", *chain(), "ENDMDL")],
    "an empty model first": ["MODEL     1", "ENDMDL", "MODEL     2", *chain(), "ENDMDL"],
    "two models begun": ["MODEL     1", "MODEL     2", *chain()],
    "a model after atoms": [*chain(), "MODEL        2", *chain("B")],
    "atoms after a model": ["MODEL     1", *chain(), "ENDMDL", *chain("B")],
    "atoms after END": [*chain(), "END", *chain("B")],
    "END in the header": ["END", *chain()],
    "atoms in small letters": [*chain(), chain("B")[0].lower()],
    "atoms in small letters first": [chain("B")[0].lower(), *chain()],
    "another record with that name": [*chain(), chain("B")[0].replace("ATOM  ", "ATOM1 ")],
    "anisotropy": [chain()[0], "ANISOU" + chain()[0][6:], *chain()[1:]],
    "a remark among atoms": [*chain("A"), "REMARK 999", *chain("B")],
    "a blank line": [*chain("A"), "", *chain("B")],
    "a long name in HETNAM": ["HETNAM     ALA" + " " * 57 + "LONG", *chain()],
    "two lines in one": [chain()[0][:37] + "\n" + chain()[0][38:], *chain()[1:]],
    "NUL": changed(chain(), 2, 8, "\0"),
    "CR": changed(chain(), 2, 8, "\r"),
    "NUL beside the atoms": [*chain(), "TER     \0", *chain("B")],
    "CR beside the atoms": [*chain(), "TER     \r ", *chain("B")],
    "a tab": changed(chain(), 2, 12, "\tCA "),
    "CIF": ["data_x", *chain()],
    "many pieces": [r for i in range(201) for r in (line("CA", number=str(i)), "CONECT")],
    "no atoms": ["HEADER    TEST", "END"],
}  # fmt: skip


def said(array: Any) -> Any:
    return (array.dtype, array.shape, array.tobytes()) if isinstance(array, np.ndarray) else array


def outcome(text: bytes, folder: Path) -> Any:
    """All that `read` makes of a text, or its error."""
    path = folder / "x.pdb"
    path.write_bytes(text)
    try:
        return [tuple(map(said, vars(protein).values())) for protein in read(path)]
    except Exception as error:
        return type(error), str(error)


def check(text: bytes, folder: Path) -> bool:
    """Compare the outcome with gemmi's, and tell whether gemmi was needed for it."""
    with mock.patch.object(load, "_of_gemmi", side_effect=load._of_gemmi) as gemmi:
        found = outcome(text, folder)
    with mock.patch.object(load, "plain", side_effect=NotPlain):
        assert found == outcome(text, folder), text
    return not gemmi.called


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_text_comes_out_as_gemmi_reads_it(tmp_path, name, end):
    text = end.join(PLAIN[name]).encode()
    for rest in (b"", end.encode(), 2 * end.encode()):
        assert check(text + rest, tmp_path)


@pytest.mark.parametrize("name", ODD)
def test_text_that_is_not_plain_is_left_to_gemmi(tmp_path, name):
    text = "\n".join([*ODD[name], ""]).encode("latin-1")
    with pytest.raises(NotPlain):
        plain(text)
    assert not check(text, tmp_path)


def test_atoms_in_many_pieces_are_put_together(tmp_path):
    with mock.patch.object(module, "_AT_ONCE", 4):
        for rows in PLAIN.values():
            assert check("\n".join(rows).encode(), tmp_path)


def test_real_chains_are_plain_and_come_out_as_gemmi_reads_them(chains, tmp_path):
    for file in sorted(chains.glob("*.pdb"))[::50]:
        assert check(file.read_bytes(), tmp_path)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_byte_changes_the_outcome_is_that_of_gemmi(tmp_path, seed):
    draw = random.Random(seed)
    bases = ["\n".join([*rows, ""]).encode() for rows in PLAIN.values()]
    fast = 0
    for _ in range(400):
        text = bytearray(draw.choice(bases))
        text[draw.randrange(len(text))] = draw.choice(b"\0\t\n\r !-+.059:ABCHNTXZacz\x7f\xe9")
        fast += check(bytes(text), tmp_path)
    assert 100 < fast < 380


names = st.sampled_from(["N", "CA", "C", "O", "CB", "CG", "OXT", "HA", "CA  ", "HG11", "ZN  "])
rows = st.builds(
    line,
    names,
    st.sampled_from(["ALA", "GLY", "MSE", "HOH", "UNK", " DA"]),
    st.sampled_from(["-1", "1", "2", "2A", "3", "3a", "9999"]),
    st.floats(-999, 9990),
    chain=st.sampled_from("AB "),
    alt=st.sampled_from("   AB"),
    share=st.sampled_from([0.4, 0.5, 1.0]),
    record=st.sampled_from(["ATOM", "ATOM", "HETATM"]),
    tail=st.sampled_from([None, None, "", "           C1-", "      SEGA N  ", " " * 14]),
)
blocks = st.one_of(
    st.builds(residue, st.integers(-5, 9).map(str), chain=st.sampled_from("AB")),
    st.lists(rows, max_size=3),
    st.sampled_from([["TER"], ["ENDMDL"], ["MODEL     1"], ["END"], ["CONECT"], ["TER".ljust(80)]]),
)


@settings(deadline=None, max_examples=400)
@given(st.lists(blocks, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_records_the_outcome_is_that_of_gemmi(parts, end):
    text = end.join([row for part in parts for row in part]).encode()
    with tempfile.TemporaryDirectory() as folder:
        check(text, Path(folder))
