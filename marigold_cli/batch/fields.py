"""Values out of a journal's line, each of the type that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Fields: TypeAlias = Mapping[str, Json]
_Value = TypeVar("_Value", str, int, bool)


def get(fields: Fields, key: str, kind: type[_Value]) -> _Value:
    """Take one value.

    Raises:
        KeyError: it is not there.
        TypeError: it is of another type.
    """
    value = fields[key]
    if not isinstance(value, kind):
        raise TypeError(key)
    return value


def get_or(fields: Fields, key: str, default: _Value) -> _Value:
    """Take one value, or the one that stands for what an earlier version did not write.

    Raises:
        TypeError: it is of another type.
    """
    value = fields.get(key, default)
    if not isinstance(value, type(default)):
        raise TypeError(key)
    return value


def get_list(value: Json) -> list[Json]:
    """Take a list.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def get_object(value: Json) -> Fields:
    """Take the fields of an object.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
