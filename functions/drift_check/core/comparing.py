"""Field by field: what a ConfigMap sets beside what the code would have taken.

A value differs when the application would see another one, not when it is written another way: ``"30"`` is 30, and a
key that is absent leaves the default in force. Where that cannot be known, the field is ``uncomparable``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.declared import Declaration, Declared, Required
from functions.drift_check.core.kinds import Kind
from functions.drift_check.core.printing import is_secret, is_telling, shown
from functions.drift_check.core.unknowns import CannotTell, Unknown
from shared.domain.drift import FieldStatus

_ABSENT: Final = "the key is absent, so the default applies"
_REFUSED: Final = "the application would refuse this value"
_SET: Final = "required, and set"
_NO_KEY: Final = "required, and nothing sets it here"
_ORPHAN: Final = "no field reads this key"


class Compared(NamedTuple):
    """One field or key.

    Attributes:
        name: of the field, or of a key that no field reads.
        status: what is known.
        configured: the value of the ConfigMap, as it is printed; None when there is none or it need not be shown.
        default: the code's, likewise.
        note: why, in a few words.
        line: of the field in the settings, from 1; 0 for a key.
    """

    name: str
    status: FieldStatus
    configured: str | None = None
    default: str | None = None
    note: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a comparison is to heed.

    Attributes:
        only: names of fields and keys; empty for all.
        accepted: declared exceptions.
        salt: for the hashes of secrets.
    """

    only: Collection[str] = ()
    accepted: Acceptances
    salt: bytes


def compare(declared: Declaration, data: Mapping[str, str], terms: Terms) -> list[Compared]:
    """Compare a settings class with the data of a ConfigMap: fields in the order of the class, then orphans by name.

    Raises:
        CannotTell: ``terms.only`` names something that neither of them has.
    """
    comparison = _Comparison(declared, data, terms)
    found = [*comparison.fields(), *comparison.orphans()]
    unheard = set(terms.only) - {each.name for each in found}
    if unheard:
        raise CannotTell(f"Neither the settings nor the ConfigMap have {', '.join(sorted(unheard)[:5])}.")
    return found


class _Comparison:
    def __init__(self, declared: Declaration, data: Mapping[str, str], terms: Terms) -> None:
        self._declared = declared
        self._rules = declared.conventions
        self._terms = terms
        spelled = self._rules.spelled
        self._data = {spelled(key): value for key, value in data.items() if value or not self._rules.ignore_empty}
        self._keys = {spelled(key): key for key in data}
        counted = Counter(map(spelled, data)) if len(self._keys) < len(data) else {}
        self._doubled = {key for key, count in counted.items() if count > 1}
        self._looked_up = {each.name: [spelled(key) for key in each.keys] for each in declared.fields}
        self._read = {key for keys in self._looked_up.values() for key in keys}
        self._known_kinds: dict[int, Kind | None] = {}
        self._nested = self._nested_keys()

    def fields(self) -> Iterator[Compared]:
        """Every field."""
        only, accepted = self._terms.only, self._accepted
        for each in self._declared.fields:
            if not only or each.name in only:
                found = self._field(each)
                yield found if found.status is FieldStatus.OK else accepted(found, self._text(each))

    def orphans(self) -> Iterator[Compared]:
        """Every key that no field reads."""
        inside = {key for keys in self._nested.values() for key in keys}
        for spelled, key in sorted(self._keys.items(), key=lambda pair: pair[1]):
            if spelled in self._read or spelled in inside or (self._terms.only and key not in self._terms.only):
                continue
            value = self._data.get(spelled, "")
            text = self._shown(value, secret=is_telling(key) or is_secret(value))
            status, note = FieldStatus.ORPHAN, _ORPHAN
            if self._declared.elsewhere:
                status = FieldStatus.UNCOMPARABLE
                note = f"no field of this file reads this key; {self._declared.elsewhere[0]} of another file may"
            elif any(each.may_read_any_key for each in self._declared.fields):
                status, note = FieldStatus.UNCOMPARABLE, "a field whose alias is not known may read this key"
            yield self._accepted(Compared(key, status, configured=text, note=note), value)

    def _nested_keys(self) -> Mapping[str, Sequence[str]]:
        """Keys such as ``DB__HOST`` that set a part of a field, by the key of the field."""
        delimiter = self._rules.nested_delimiter
        found: dict[str, list[str]] = {}
        if delimiter is not None:
            delimiter = self._rules.spelled(delimiter)
            for key in self._data:
                at = key.find(delimiter, 1)
                while at > 0 and key[:at] not in self._read:
                    at = key.find(delimiter, at + 1)
                if at > 0 and key not in self._read:
                    found.setdefault(key[:at], []).append(key)
        return found

    def _text(self, each: Declared) -> str | None:
        """What is configured for a field."""
        return next((self._data[key] for key in self._looked_up[each.name] if key in self._data), None)

    def _field(self, each: Declared) -> Compared:
        if self._nested and any(key in self._nested for key in self._looked_up[each.name]):
            return self._unknown(each, "keys set parts of it")
        text = self._text(each)
        if text is None:
            return self._absent(each)
        if each.indirect:
            return self._unknown(each, each.indirect, text)
        if self._doubled and any(key in self._doubled for key in self._looked_up[each.name]):
            return self._unknown(each, "two keys differ in case only", text)
        return self._present(each, text)

    def _absent(self, each: Declared) -> Compared:
        if each.indirect and not each.keys:
            return self._unknown(each, each.indirect)
        if each.default is Required.REQUIRED:
            key = each.keys[0] if self._rules.case_sensitive else each.keys[0].upper()
            note = f"{_NO_KEY}; it would be {self._shown(key, secret=False)}"
            return Compared(each.name, FieldStatus.MISSING, note=note, line=each.line)
        return Compared(each.name, FieldStatus.OK, note=_ABSENT, line=each.line)

    def _present(self, each: Declared, text: str) -> Compared:
        kind = self._kind(each)
        if type(each.default) is str and text == each.default and not (kind is not None and kind.is_json):
            return Compared(each.name, FieldStatus.OK, line=each.line)  # the same text is the same value
        if self._declared.validators.changes_text(each.name) or each.annotation.before:
            return self._unknown(each, "a validator reads the text first", text)
        if kind is None:
            return self._unknown(each, each.annotation.why or "its type is not known here", text)
        try:
            if text == self._rules.none_text:
                value = kind.parse(None)
            else:
                value = kind.of_text(text, decode=each.annotation.decode and self._rules.decode)
        except (ValueError, RecursionError):
            return self._with_values(each, FieldStatus.DRIFT, text, _REFUSED)
        return self._judged(each, text, value, kind)

    def _judged(self, each: Declared, text: str, value: Any, kind: Kind) -> Compared:
        if each.default is Required.REQUIRED:
            return Compared(each.name, FieldStatus.OK, note=_SET, line=each.line)
        if isinstance(each.default, Unknown):
            return self._unknown(each, f"of the default, {each.default}", text)
        if _same(value, each.default) or _same(value, self._effective(each.default, kind)):
            return Compared(each.name, FieldStatus.OK, line=each.line)
        if self._declared.validators.changes_value(each.name) or each.annotation.after:
            return self._unknown(each, "it differs, and a validator may change it back", text)
        return self._with_values(each, FieldStatus.DRIFT, text, None)

    def _kind(self, each: Declared) -> Kind | None:
        known = id(each.annotation)  # fields of one type share their annotation, which outlives this
        if known not in self._known_kinds:
            type_ = each.annotation.type
            self._known_kinds[known] = None if type_ is None else self._declared.kinds.of(type_)
        return self._known_kinds[known]

    def _effective(self, default: Any, kind: Kind) -> Any:
        """The default as the application has it; it is validated as a given value is."""
        try:
            return kind.parse(default)
        except ValueError:
            return default

    def _unknown(self, each: Declared, why: str, text: str | None = None) -> Compared:
        return self._with_values(each, FieldStatus.UNCOMPARABLE, text, why)

    def _with_values(self, each: Declared, status: FieldStatus, text: str | None, note: str | None) -> Compared:
        kind = self._kind(each)
        is_known = each.default is not Required.REQUIRED and not isinstance(each.default, Unknown)
        secret = (
            (kind is not None and kind.secret)
            or any(is_telling(name) for name in (each.name, *each.keys))
            or (is_known and is_secret(each.default))
            or (text is not None and is_secret(text))
        )
        configured = None if text is None else self._shown(text, secret=secret)
        default = self._shown(each.default, secret=secret) if is_known else None
        return Compared(each.name, status, configured, default, note, each.line)

    def _shown(self, value: Any, *, secret: bool) -> str:
        return shown(value, secret=secret, salt=self._terms.salt)

    def _accepted(self, found: Compared, configured: str | None) -> Compared:
        acceptance = self._terms.accepted.of(found.name, configured)
        if acceptance is None:
            return found
        if self._terms.accepted.holds(acceptance):
            note = f"accepted by {acceptance.owner} until {acceptance.expires}: {acceptance.reason}"
            return found._replace(status=FieldStatus.ACCEPTED, note=note)
        over = f"the exception of {acceptance.owner} ended on {acceptance.expires}"
        return found._replace(note=f"{found.note}; {over}" if found.note else over)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one: of one type, and equal, a NaN to itself as well."""
    return type(one) is type(other) and bool(one == other or (one != one and other != other))  # noqa: PLR0124 - NaN
