"""Reading the languages from ``messages/``, once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from functions.notify.core.catalogue import Catalogue, Locale

FOLDER: Final = Path(__file__).parent / "messages"


def catalogue(locale: Locale) -> Catalogue:
    """The texts of a language."""
    name = locale.value.lower().replace("-", "_")
    return Catalogue.of(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))
