"""What was sent, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.local.knative.posts import Answer, Posts


@dataclass(slots=True)
class Try:
    """One request.

    Attributes:
        began: monotonic seconds.
        ended: the same.
        answer: None when there was none, or none in time.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float = 0.0
    answer: Answer | None = None


class RecordedPosts(Posts):
    """Posts that are remembered once they have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.tries: Final[list[Try]] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See :meth:`shared.local.knative.posts.Posts.post`."""
        made = Try(url, headers, body, began=time.monotonic())
        try:
            made.answer = await super().post(url, headers, body)
        finally:
            made.ended = time.monotonic()
            self.tries.append(made)
        return made.answer
