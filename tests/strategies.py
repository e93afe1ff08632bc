"""Hypothesis strategies for events and writes. Few values on purpose: collisions are what the laws are about."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from shared.domain.events import PING, Event
from shared.domain.knowledge import KNOWLEDGE_WRITE_REQUESTED, Entry, EntryType, PathType, Write
from shared.testing.clocks import NOON

INCIDENT = "INC-0"

names = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h"])
instants = st.integers(0, 5).map(lambda minutes: NOON + timedelta(minutes=minutes))
paths = st.sampled_from([path for path in PathType if path is not PathType.PLAYBOOK_EXTRACT])

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | text
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
extensions = st.dictionaries(
    st.sampled_from(["traceparent", "correlationid", "causationid", "knativeerrorcode", "redrivecount", "team"]),
    tokens,
    max_size=3,
)
events = st.builds(
    Event,
    id=tokens,
    source=tokens,
    type=st.sampled_from([PING, KNOWLEDGE_WRITE_REQUESTED, "com.example.thing"]),
    time=st.none() | instants,
    subject=st.none() | tokens,
    data=json_values,
    extensions=extensions,
)
"""Any event."""


@st.composite
def writes(draw: st.DrawFn) -> Write:
    """A write of one incident: its time, path, approval and what it takes back come from small sets."""
    event = Event(
        id=draw(names),
        source=draw(st.sampled_from(["/one", "/other"])),
        type=KNOWLEDGE_WRITE_REQUESTED,
        time=draw(instants),
        subject=INCIDENT,
    )
    said = draw(st.sampled_from(["It was memory.", "It was the disk."]))
    return Write(
        event=event,
        path=draw(paths),
        incident_id=INCIDENT,
        approval_id=draw(st.none() | st.sampled_from(["apr-1", "apr-2"])),
        entry=Entry(title=said, content=said, entry_type=EntryType.NOTE),
        revokes=draw(st.none() | names),
    )


histories = st.lists(writes(), min_size=1, max_size=10, unique_by=lambda write: (write.event.source, write.event.id))
"""Writes of one incident, each of an event of its own."""
