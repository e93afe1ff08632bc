"""km-write as ``functions/km_write/main.py`` composes it, with one port that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions.km_write import main
from functions.km_write.handler import create_handler
from functions.km_write.model import ACCEPTS, REQUEST_TYPE
from shared.runtime.requests import EventReader
from shared.runtime.serving import Handle, Route, serve


def compose(**wrong: Any) -> Handle:
    """``handle``, with other ports in the place of those named."""
    use_case = create_handler(replace(main.ports, **wrong), main.policy)
    read = EventReader(ACCEPTS, request_type=REQUEST_TYPE, batch=True)
    return serve("km-write", main.settings, {"/": Route(read=read, use_case=use_case)})
