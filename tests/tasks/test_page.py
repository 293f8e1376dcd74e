"""A page is one file: it loads nothing, escapes everything and says under which condition."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from protgraph.structure.protein import CA, Protein
from protgraph.tasks.page import COLOURS, page
from protgraph.tasks.prediction import Prediction

EVIL = "</script ></script><script>alert(1)</script><!--&\"'{{library}}"


def chain(length: int = 6, *, structure: bool = True, name: str = "demo") -> Protein:
    backbone = np.full((length, 4, 3), np.nan)
    if structure:
        backbone[: length - 1, CA] = np.arange(length - 1)[:, None] * [3.8, 0.0, 0.0]
    return Protein(name, "H" * length, backbone, chain="A")


def residues(protein: Protein, outputs: tuple[str, ...] = ("zinc",), **more: Any) -> Prediction:
    scores = np.linspace(0, 0.9, len(protein) * len(outputs)).reshape(len(protein), -1)
    return Prediction("zinc-site", "residue", outputs, scores, protein, "model", "encoder", **more)


def whole(outputs: tuple[str, ...] = ("a", "b"), **more: Any) -> Prediction:
    scores = np.linspace(0.1, 0.9, len(outputs))
    return Prediction("enzyme", "protein", outputs, scores, chain(), "model", "encoder", **more)


class Tags(HTMLParser):
    """Every tag with its attributes, and the text inside each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.scripts and self.lasttag == "script" and self.cdata_elem:
            self.scripts[-1] += data


def embedded(text: str, which: int) -> Any:
    return json.loads(Tags(text).scripts[which])


@pytest.mark.parametrize("made", [residues(chain()), residues(chain(structure=False)), whole()])
def test_a_page_loads_nothing(made: Prediction) -> None:
    text = page(made)
    for tag, attributes in Tags(text).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
        assert not {"src", "href", "srcset", "data", "action"} & set(attributes)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_browser_is_told_to_load_nothing() -> None:
    policies = [a["content"] for t, a in Tags(page(whole())).tags if "http-equiv" in a]
    assert policies == [
        "default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data: blob:"
    ]


def test_no_name_becomes_a_tag() -> None:
    harmless = Tags(page(residues(chain())))
    made = Prediction(
        EVIL, "residue", (EVIL,), np.zeros((6, 1)), chain(name=EVIL), EVIL, EVIL, (0.5,), EVIL
    )
    parsed = Tags(page(made))
    assert "</script " not in page(made)
    extra = ["p", "div", "dt", "dd", "small"]  # the condition, the threshold and the chain
    kept = [tag for tag, _ in parsed.tags if tag not in extra]
    assert kept == [tag for tag, _ in harmless.tags if tag not in extra]
    assert json.loads(parsed.scripts[0])["protein"] == EVIL


def test_the_page_carries_the_prediction_itself() -> None:
    made = residues(chain(), thresholds=(0.5,), given="the chain binds zinc")
    assert embedded(page(made), 0) == json.loads(made.json())


def test_the_page_says_under_which_condition_scores_hold() -> None:
    said = "Scores hold given that the chain binds zinc."
    assert said in page(residues(chain(), given="the chain binds zinc"))
    assert "Scores hold" not in page(residues(chain()))


def test_the_page_names_model_encoder_and_threshold() -> None:
    text = page(residues(chain(), thresholds=(0.42,)))
    for said in ("<dd>model</dd>", "<dd>encoder</dd>", "<dd>0.42</dd>", "6, 5 in the structure"):
        assert said in text


def test_a_structure_brings_its_viewer_and_coordinates() -> None:
    text = page(residues(chain()))
    view = embedded(text, 1)
    assert "3dmol" in Tags(text).scripts[2].lower()
    assert view["ca"] == [[0, 0, 0], [3.8, 0, 0], [7.6, 0, 0], [11.4, 0, 0], [15.2, 0, 0], None]
    assert len(view["ss"]) == 6


@pytest.mark.parametrize("made", [residues(chain(structure=False)), whole()])
def test_without_a_structure_to_show_there_is_no_viewer(made: Prediction) -> None:
    text = page(made)
    assert embedded(text, 1)["ca"] is None
    assert len(text) < 40_000


def test_strands_and_helices_are_told_to_the_viewer() -> None:
    i = np.arange(12)
    turn = np.radians(100.0) * i
    backbone = np.full((12, 4, 3), np.nan)
    backbone[:, CA] = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * i], axis=1)
    assert embedded(page(residues(Protein("helix", "A" * 12, backbone))), 1)["ss"] == "chhhhhhhhhhc"


@pytest.mark.parametrize(
    ("scores", "span"),
    [([0.2, 0.4], [0, 1]), ([-1.0, 0.5], [-1, 0.5]), ([2.0, 3.0], [2, 3])],
)
def test_colours_span_zero_to_one_unless_a_score_lies_outside(
    scores: list[float], span: list[float]
) -> None:
    made = Prediction("t", "protein", ("a", "b"), np.array(scores), chain(), "m", "e")
    assert embedded(page(made), 1)["range"] == span


def test_every_place_of_the_template_is_filled_once() -> None:
    text = re.sub(r"<script>.*?</script>", "", page(residues(chain())), flags=re.S)
    assert "{{" not in text


def test_a_chain_of_thousands_stays_small() -> None:
    assert len(page(residues(chain(5000)))) - len(page(residues(chain(10)))) < 500_000


def oklab(colour: str) -> Any:
    """Björn Ottosson's OKLab, in which equal distances look equal."""
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ lms
    )


def test_equal_differences_of_score_look_equal_and_darker_is_higher() -> None:
    places = np.array([oklab(colour) for colour in COLOURS])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.06
    assert (np.diff(places[:, 0]) < -0.07).all()
