"""A language: every word of a card that is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Locale(StrEnum):
    """The languages there are."""

    EN = "en"
    ZH_TW = "zh-TW"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Texts by key, such as ``title.fix_failed``."""

    texts: Mapping[str, str]

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        """From a document of tables with texts."""
        return cls({f"{table}.{name}": str(text) for table, texts in tables.items() for name, text in texts.items()})

    def text(self, key: str, **values: object) -> str:
        """A text with its placeholders filled; a key nobody translated yet is shown by its last part."""
        if key not in self.texts:
            return key.partition(".")[2]
        return self.texts[key].format_map(values)
