"""functions-framework without its synchronous half.

It imports Flask and Werkzeug for functions that run in threads. One that awaits never comes near them, and they are a
quarter of a cold start. While the framework is imported, two modules stand in their places with just what it looks at
then; whatever else it may ask of them one day is an AttributeError at the start, not at the first event.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace


@contextmanager
def flaskless() -> Iterator[None]:
    """Import the framework in here; where Flask is loaded already, it stays."""
    if "flask" in sys.modules:
        yield
        return
    stand_ins = {module.__name__: module for module in _stand_ins()}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _stand_ins() -> Iterator[ModuleType]:
    flask, werkzeug, local = ModuleType("flask"), ModuleType("werkzeug"), ModuleType("werkzeug.local")
    vars(flask).update(
        Request=object,
        typing=SimpleNamespace(ResponseReturnValue=object),
        has_request_context=lambda: False,  # asked of every request, and true in Flask's alone
    )
    vars(local).update(LocalProxy=lambda _: sys.stderr)  # where Flask would have a log go; ours goes its own way
    yield from (flask, werkzeug, local)
