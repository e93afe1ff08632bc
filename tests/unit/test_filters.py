from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.local.knative import filters

EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/apis/v1/namespaces/aftercare/pingsources/backfill-reconcile",
    "type": "dev.aftercare.execution.verified.v1",
    "tier": "dual",
}


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"exact": {"type": "dev.aftercare.execution.verified.v1"}}, True),
        ({"exact": {"type": "dev.aftercare.execution.verified.v2"}}, False),
        ({"exact": {"type": "dev.aftercare.execution.verified.v1", "tier": "dual"}}, True),
        ({"exact": {"type": "dev.aftercare.execution.verified.v1", "tier": "auto"}}, False),
        ({"exact": {"subject": "INC-1"}}, False),
        ({"prefix": {"type": "dev.aftercare."}}, True),
        ({"prefix": {"type": "aftercare."}}, False),
        ({"prefix": {"subject": "INC-"}}, False),
        ({"suffix": {"source": "/pingsources/backfill-reconcile"}}, True),
        ({"suffix": {"source": "/pingsources/backfill"}}, False),
        ({"suffix": {"type": ".v1", "source": "/backfill-reconcile"}}, True),
        ({"suffix": {"type": ".v1", "source": "/drift-check"}}, False),
        ({"any": [{"exact": {"tier": "auto"}}, {"exact": {"tier": "dual"}}]}, True),
        ({"any": [{"exact": {"tier": "auto"}}, {"exact": {"tier": "human"}}]}, False),
        ({"all": [{"exact": {"tier": "dual"}}, {"prefix": {"type": "dev."}}]}, True),
        ({"all": [{"exact": {"tier": "dual"}}, {"prefix": {"type": "com."}}]}, False),
        ({"not": {"exact": {"tier": "dual"}}}, False),
        ({"not": {"exact": {"subject": "INC-1"}}}, True),
        ({"not": {"any": [{"exact": {"tier": "auto"}}, {"not": {"prefix": {"type": "dev."}}}]}}, True),
    ],
)
def test_dialect(element, expected):
    assert filters.parse(element).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"type": "dev.aftercare.execution.verified.v1"}, True),
        ({"type": "dev.aftercare.execution.verified.v1", "tier": "auto"}, False),
        ({"tier": ""}, True),
        ({"subject": ""}, False),
    ],
)
def test_legacy_attributes_where_empty_means_any_value(attributes, expected):
    assert filters.parse_attributes(attributes).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"cesql": "tier = 'dual'"}, "cesql: not a dialect"),
        ({"exact": {"type": "a"}, "prefix": {"type": "a"}}, "exactly one of"),
        ({}, "exactly one of"),
        ("exact", "exactly one of"),
        ({"exact": {}}, "exact: must name at least one attribute"),
        ({"exact": {"incident_id": "a"}}, "exact.incident_id: attribute names"),
        ({"exact": {"tier": ""}}, "exact.tier: must not be empty"),
        ({"exact": {"tier": 8}}, "exact.tier: must be text"),
        ({"any": []}, "any: must be a list"),
        ({"any": [{"exact": {"tier": "a"}}, {"suffix": {"Tier": "b"}}]}, r"any\[1\].suffix.Tier: attribute names"),
        ({"not": {"all": [{"exact": {"1st": "a"}}]}}, r"not.all\[0\].exact.1st: attribute names"),
    ],
)
def test_refusals_name_the_field(element, message):
    with pytest.raises(ValueError, match=message):
        filters.parse(element)


names = st.sampled_from(["type", "source", "tier"])
texts = st.text("ab", min_size=1, max_size=3)
leaves = st.builds(
    lambda dialect, wanted: {dialect: wanted},
    st.sampled_from(["exact", "prefix", "suffix"]),
    st.dictionaries(names, texts, min_size=1),
)
elements = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda each: {"all": each}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda each: {"any": each}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda each: {"not": each}, inner),
    ),
    max_leaves=6,
)
events = st.dictionaries(names, texts)


@given(elements, events)
def test_not_is_the_opposite(element, event):
    assert filters.parse({"not": element}).matches(event) is not filters.parse(element).matches(event)


@given(st.lists(elements, min_size=1, max_size=3), events)
def test_any_is_not_all_not(many, event):
    inverted = {"not": {"all": [{"not": each} for each in many]}}
    assert filters.parse({"any": many}).matches(event) is filters.parse(inverted).matches(event)


@given(st.dictionaries(names, texts, min_size=1), events)
def test_exact_implies_prefix_and_suffix(wanted, event):
    if filters.parse({"exact": wanted}).matches(event):
        assert filters.parse({"prefix": wanted}).matches(event)
        assert filters.parse({"suffix": wanted}).matches(event)
