"""Values of flags that are more than a number or a word."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from marigold_cli.inference.options import AUTO_TILE

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: str | float) -> float:
    """Read a length of time [s]: "90", "90s", "90m", "1h30m", "2d". The default comes in, too."""
    text = str(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise typer.BadParameter(f"{text!r} is not a duration like 90s, 90m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def pixels(value: str | int) -> int:
    """Read a number of pixels: "300000000", "300M", "300MP". The default comes in, too."""
    text = str(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(M|MP)?", text.strip(), re.IGNORECASE)
    if not match or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is not a number of pixels like 300000000 or 300M")
    return int(float(match[1]) * (1_000_000 if match[2] else 1))


def path(value: str | Path) -> Path:
    """Read the name of a file or folder. The default comes in, too."""
    if not str(value):  # which would be the current folder
        raise typer.BadParameter("the name is empty; is a variable of the script not set?")
    return Path(value)


def tile_edge(value: str | int) -> int:
    """Read the long edge of tiles [px]: "1536", or "auto", which is left open."""
    text = str(value)
    if text == "auto":
        return AUTO_TILE
    if not re.fullmatch(r"[1-9]\d*", text):
        raise typer.BadParameter(f"{text!r} is neither a number of pixels like 1536 nor auto")
    return int(text)


def split_commas(values: list[str]) -> tuple[str, ...]:
    """Read a flag that is repeated, comma-separated, or both; doubles count once."""
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))
