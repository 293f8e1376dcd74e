"""The page of a benchmark holds every number, asks for nothing, and does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.insight.pages import page
from protgraph.tasks.statistics import Interval


def row(model, value, gain="", seeds=2, **more):
    test = f"{value:.3f} [{value - 0.1:.3f}, {value + 0.1:.3f}]"
    each = [{"seed": seed, "test": {"auprc": value}} for seed in range(seeds)]
    return {
        "model": model, "valid": value, "test": test, "minus prior": gain, **more,
        "interval": [value, value - 0.1, value + 0.1], "seeds": each,
    }  # fmt: skip


def report(*rows, failed=None):
    return {"task": "zinc-site", "monitor": "auprc", "rows": rows, "failed": failed or {}}


ROWS = (
    row("zinc_site/egnn", 0.8, "0.300 [0.200, 0.400]", parameters=40422, MB=812),
    row("zinc_site/egnn, edges shuffled", 0.6, "0.100 [-0.010, 0.210]", parameters=40422, MB=800),
    row("prior", 0.5, parameters=0, MB=""),
)


def raw(text):
    return re.search(r'id="data">(.*?)</script>', text, re.S)[1]


def held(text):
    return json.loads(raw(text))


def test_every_number_of_the_report_is_in_the_page():
    found = held(page(report(*ROWS)))
    assert (found["task"], found["monitor"], found["reference"]) == ("zinc-site", "auprc", "prior")
    assert found["columns"] == ["model", "valid", "test", "minus prior", "parameters", "MB"]
    first, second, last = (one["cells"] for one in found["rows"])
    assert first["test"] == pytest.approx([0.8, 0.7, 0.9])
    assert second["minus prior"] == [0.1, -0.01, 0.21]
    assert (last["minus prior"], last["MB"], last["parameters"]) == ("", "", 0)
    assert found["rows"][0]["each"] == [{"auprc": 0.8}] * 2


def test_more_columns_are_shown_as_they_come():
    more = row("prior", 0.5, **{"test C1": "0.400 [0.300, 0.500]", "note": "as it is"})
    (found,) = held(page(report(more)))["rows"]
    assert found["cells"]["test C1"] == [0.4, 0.3, 0.5]
    assert found["cells"]["note"] == "as it is"
    assert held(page(report({**more, "test": Interval(0.5, 0.4, 0.6)})))["rows"][0]["cells"][
        "test"
    ] == [0.5, 0.4, 0.6]


def test_what_is_no_number_is_no_number_in_the_page():
    (found,) = held(page(report(row("prior", float("nan")))))["rows"]
    assert found["cells"]["valid"] is None
    assert found["each"][0]["auprc"] is None


@given(st.text())
def test_no_name_ends_the_script_or_becomes_a_tag(name):
    text = page(report(row(name, 0.5), failed={name: f"</script><b>{name}"}))
    found = held(text)
    assert found["rows"][0]["cells"]["model"] == name
    assert found["failed"] == {name: f"</script><b>{name}"}
    assert text.count("</script>") == 2
    assert not set("<>&") & set(raw(text))


def test_the_page_asks_for_nothing():
    text = page(report(*ROWS))
    assert "default-src 'none'" in text
    assert not re.search(r"<(link|img|iframe)|src=|@import|url\(|fetch\(|XMLHttp", text)
    # The one address is the name of a language, which no browser asks for.
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


def test_a_report_without_a_model_is_an_error():
    with pytest.raises(ValueError, match="zinc-site: a page shows one model at least, got none"):
        page(report())


DEEDS = """<script>
const log = [], names = () => [...document.querySelectorAll("#body th")].map(x => x.textContent);
const choose = (id, value) => {
  const box = document.getElementById(id);
  box.value = value;
  box.dispatchEvent(new Event("change"));
};
const rows = () => [...document.querySelectorAll("svg g.row")];
document.getElementById("sort-test").click(); log.push(names());
document.getElementById("sort-test").click(); log.push(names());
log.push(document.querySelector("th[aria-sort=ascending]").textContent);
document.querySelector("#body input").click(); log.push(rows().map(r => r.dataset.model));
rows()[0].focus(); log.push(document.getElementById("tip").textContent);
document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
log.push(document.activeElement.dataset.model);
choose("shown", "difference"); log.push(rows().map(r => r.getAttribute("aria-label")));
choose("reference", "zinc_site/egnn"); log.push(rows().map(r => r.getAttribute("aria-label")));
log.push(document.getElementById("note").textContent);
document.body.dataset.log = JSON.stringify(log);
</script></body>"""


def test_the_page_sorts_hides_and_subtracts(tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed: what the page does is not tested")
    (tmp_path / "page.html").write_text(page(report(*ROWS)).replace("</body>", DEEDS))
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/b"]
    said = subprocess.run(
        [browser, *words, "--dump-dom", tmp_path / "page.html"],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    log = json.loads(re.search(r'data-log="([^"]*)"', said)[1].replace("&quot;", '"'))
    best, shuffled, prior = (one["model"] for one in ROWS)
    assert log[:3] == [[best, shuffled, prior], [prior, shuffled, best], "test"]
    assert log[3] == [shuffled, best]
    assert "test: 0.600 [0.500, 0.700]" in log[4]
    assert "2 seeds: 0.600, 0.600" in log[4]
    assert log[5] == best
    assert log[6] == [
        f"{shuffled}: +0.100 [\u22120.010, +0.210]", f"{best}: +0.300 [+0.200, +0.400]",
    ]  # fmt: skip
    assert log[7] == [f"{shuffled}: \u22120.200"]
    assert log[8].startswith("Only differences to prior were paired")
