"""What our libraries import and we hardly ever come near, kept out of a cold start.

functions-framework imports Flask, Werkzeug and the CloudEvents SDK for functions of another kind, uvicorn its command
line, structlog what it shows on a terminal, PostgreSQL's driver a parser of dates and one of certificates. While they
are imported, modules stand in these places with just what is looked at then. What may be asked for one day after all
is fetched at that moment; the rest is an AttributeError at the start, not at the first event.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, Final


class _Later:
    """Stands for a name of a module, which is imported when it is called or looked into."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def _real(self) -> Any:
        return getattr(import_module(self._module), self._name)


def _later(module: str, *names: str) -> dict[str, Any]:
    return {name: _Later(module, name) for name in names}


_STAND_INS: Final[Mapping[str, Mapping[str, Any]]] = {
    "flask": {
        "Request": object,
        "typing": SimpleNamespace(ResponseReturnValue=object),
        "has_request_context": lambda: False,  # asked of every request, and true in Flask's alone
    },
    "werkzeug": {},
    "werkzeug.local": {"LocalProxy": lambda _: sys.stderr},  # where Flask would have a log go; ours goes its own way
    "cloudevents.http": {"CloudEvent": object, **_later("cloudevents.http", "from_http", "is_binary")},
    "cloudevents.http.event": {"CloudEvent": object},
    "uvicorn.main": {**_later("uvicorn.server", "Server"), **_later("uvicorn.main", "main", "run")},
    # Of the renderers that hold until logging is configured, which it is before the first line.
    "structlog.dev": {"ConsoleRenderer": dict, "_has_colors": False, "set_exc_info": None},
    "structlog.tracebacks": {"ExceptionDictTransformer": dict},
    # A time that the standard library cannot read, and the certificate of a server that asks for SCRAM with TLS.
    "dateutil.parser": {"ParserError": ValueError, **_later("dateutil.parser", "parse")},
    "asn1crypto": _later("asn1crypto", "pem"),
    "asn1crypto.x509": _later("asn1crypto.x509", "Certificate"),
}


@contextmanager
def stand_ins() -> Iterator[None]:
    """Import the libraries in here; what is loaded already stays."""
    placed = {name: _module(name, names) for name, names in _STAND_INS.items() if name not in sys.modules}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name, module in placed.items():
            del sys.modules[name]
            package, _, child = name.rpartition(".")
            if package in sys.modules and vars(sys.modules[package]).get(child) is module:
                delattr(sys.modules[package], child)


def _module(name: str, names: Mapping[str, Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(names)
    return module
