"""Point clouds in PLY: written binary, read binary or ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Doubles, Floats

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_END = b"end_header\n"
_POINT = np.dtype([("place", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])


@dataclass(frozen=True)
class _Element:
    name: str
    count: int
    fields: list[tuple[str, str]]
    has_lists: bool = False


def encode_ply(places: Floats, normals: Floats, colours: NDArray[np.uint8]) -> bytes:
    """Make a PLY of coloured points with normals; all arguments [N, 3]."""
    table = np.empty(len(places), _POINT)
    table["place"], table["normal"], table["colour"] = places, normals, colours
    names = [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    names += [f"property uchar {name}" for name in ("red", "green", "blue")]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(places)}", *names]
    return "\n".join(lines).encode() + b"\n" + _END + table.tobytes()


def read_ply(path: Path) -> Doubles:
    """Read the places of a PLY's vertices [N, 3].

    Raises:
        ValueError: it is no PLY, cut off, or its vertices cannot be found.
    """
    data = path.read_bytes().replace(b"end_header\r\n", _END, 1)
    head, end, body = data.partition(_END)
    if not head.startswith(b"ply") or not end:
        raise ValueError("not a PLY file")
    order, elements = _parse(head.decode("ascii", "replace").splitlines())
    if order == "=":
        return _read_ascii(elements, body)
    at = 0
    for element in elements:
        kind = np.dtype([(name, order + code) for name, code in element.fields])
        if element.name == "vertex":
            if element.has_lists:
                raise ValueError("its vertices hold lists")
            return _places(np.frombuffer(body, kind, element.count, at))
        if element.has_lists:
            break
        at += kind.itemsize * element.count
    raise ValueError("its vertices cannot be found")


def _parse(lines: list[str]) -> tuple[str, list[_Element]]:
    order, elements = "", list[_Element]()
    for line in lines:
        match line.split():
            case ["format", form, *_] if form in _ORDERS:
                order = _ORDERS[form]
            case ["element", name, count]:
                elements.append(_Element(name, int(count), []))
            case ["property", "list", *_] if elements:
                last = elements.pop()
                elements.append(_Element(last.name, last.count, last.fields, has_lists=True))
            case ["property", kind, name] if elements:
                elements[-1].fields.append((name, _TYPES[kind]))
    if not order:
        raise ValueError("of an unknown format")
    return order, elements


def _read_ascii(elements: list[_Element], body: bytes) -> Doubles:
    lines = body.decode("ascii", "replace").splitlines()
    for element in elements:
        if element.name == "vertex":
            rows = [line.split()[: len(element.fields)] for line in lines[: element.count]]
            if len(rows) < element.count:
                raise ValueError("cut off")
            table = np.array(rows, np.float64).reshape(element.count, len(element.fields))
            names = [name for name, _ in element.fields]
            return table[:, [names.index(axis) for axis in "xyz"]]
        lines = lines[element.count :]
    raise ValueError("its vertices cannot be found")


def _places(table: NDArray[np.void]) -> Doubles:
    return np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=1)
