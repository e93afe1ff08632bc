"""What every model of the wire shares: unknown fields are refused, times are UTC, texts have no NUL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.domain.errors import Unprocessable


class Contract(BaseModel):
    """Base of every request, reply and event model (contracts.md: unknown fields are an error)."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


Model = TypeVar("Model", bound=Contract)


_FIELD: Final = re.compile(r"[A-Za-z_]{1,32}")
_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _only_rfc3339(value: Any) -> Any:
    # Numbers, also those in a string, would be read as Unix time, which no producer of this contract means.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise ValueError("must be an RFC 3339 time with an offset")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999 in UTC") from None


Time = Annotated[AwareDatetime, BeforeValidator(_only_rfc3339), AfterValidator(_in_utc)]
"""An aware time; RFC 3339 with offset on the wire, UTC inside."""

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]
"""1-128 printable ASCII characters."""

Unit = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
"""A number from 0 to 1."""

Flag = Annotated[bool, Field(strict=True)]
"""``true`` or ``false``, never a number or a word."""


def validated(model: type[Model], data: Any) -> Model:
    """Read ``data`` as ``model``.

    Raises:
        Unprocessable: naming the fields that break the contract; never their values, which may be secret.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Unprocessable(complaint(error)) from None


def complaint(error: ValidationError) -> str:
    """The first three fields that are wrong and why, without their values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in found)


def _place(where: Sequence[int | str]) -> str:
    """Where it is wrong. A key that does not look like a field's name is some caller's text, and is not repeated."""
    named = [str(part) if isinstance(part, int) or _FIELD.fullmatch(part) else "*" for part in where]
    return ".".join(named) or "data"
