"""Figures as text: no value breaks a line, a label or the page, and nothing is made up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.console.core import Family, Sample, exposition, overview
from functions.verify_execution.sensors.exposition import samples

FAMILY = Family(name="aftercare_x", about="What it is", section="Things", samples=[Sample(1.5, {"a": "b"})])


def test_the_format_of_prometheus():
    assert exposition([FAMILY]) == '# HELP aftercare_x What it is\n# TYPE aftercare_x gauge\naftercare_x{a="b"} 1.5\n'


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.floats())
def test_any_label_and_any_number_can_be_read_back(text, value):
    said = exposition([Family(name="x", about=text, section="s", samples=[Sample(value, {"label": text})])])

    (found,) = samples(said, "x")
    assert found.value == pytest.approx(value, nan_ok=True)


@given(st.text(max_size=40))
def test_no_text_becomes_markup(text):
    page = overview(
        [Family(name="x", about=text, section=text, samples=[Sample(1, {"l": text}), Sample(2, {})])], "<p>$body</p>"
    )

    assert set(re.findall(r"<[^>]*>?", page)) <= {
        *("<p>", "</p>", "<h2>", "</h2>", "<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "</th>"),
        "<th rowspan=2>",
    }


def test_what_is_not_known_is_left_out_of_the_metrics_and_said_on_the_page():
    unknown = Family(name="x", about="Autonomy", section="s")

    assert exposition([unknown]) == "# HELP x Autonomy\n# TYPE x gauge\n"
    assert "no data" in overview([unknown], "$body")
    assert ">0<" not in overview([unknown], "$body")


@pytest.mark.parametrize(("value", "said"), [(3.0, "3"), (12345.0, "12,345"), (0.98765, "0.988")])
def test_numbers_for_people(value, said):
    assert f"<td>{said}</td>" in overview(
        [Family(name="x", about="a", section="s", samples=[Sample(value, {})])], "$body"
    )
