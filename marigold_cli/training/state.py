"""What a training needs to go on: tensors in small parts, and a few facts that make them count.

STATE/000500/part-00000.safetensors  flat pieces of tensors, at most 16 MB a part
STATE/000500/state.json              the facts and every part's checksum, written last

A folder without its state.json is a save that was cut off; it is ignored and swept. The state
before is removed only when the new one is whole and on the disk.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from marigold_cli.errors import RefusedError
from marigold_cli.files.disk import output_errors, sync_folder, write_new, write_whole

PART_BYTES = 16_000_000
_HEADER_BYTES = 250  # of a piece, in its part's header, and more than enough
_FACTS = "state.json"


@dataclass(frozen=True)
class Facts:
    """Where a training stands, but for its tensors.

    Attributes:
        update: Updates done, those that were skipped among them.
        steps: Updates that changed the weights.
        skipped: Updates in a row, up to now, whose loss or gradient was not finite.
        seconds: Time it took [s].
        scale: Of gradients in float16; None: in another precision.
        growth: Steps since the scale changed.
        binding: What must be the same when it goes on, in words.
    """

    update: int = 0
    steps: int = 0
    skipped: int = 0
    seconds: float = 0.0
    scale: float | None = None
    growth: int = 0
    binding: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """A run of a flattened tensor's values."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class State:
    """A whole state on the disk.

    Attributes:
        folder: Where it lies.
        facts: What it says.
        parts: Name and sha256 of each part.
    """

    folder: Path
    facts: Facts
    parts: dict[str, str]


def save_state(root: Path, tensors: Mapping[str, Tensor], facts: Facts) -> None:
    """Write a state and remove older ones.

    Raises:
        OutputError: The disk takes no more.
    """
    folder = root / f"{facts.update:06d}"
    with output_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        parts = {}
        for index, pieces in enumerate(_divide(tensors)):
            content = save({_key(piece): _cut(tensors, piece) for piece in pieces})
            name = f"part-{index:05d}.safetensors"
            write_new(folder / name, content, fsync=True)
            parts[name] = hashlib.sha256(content).hexdigest()
        text = json.dumps({"v": 1, "facts": asdict(facts), "parts": parts}, indent=1)
        write_whole(folder / _FACTS, text.encode())
        sync_folder(root)
    _sweep(root, folder)


def find_state(root: Path) -> State | None:
    """The latest whole state, or None.

    Raises:
        RefusedError: Its facts cannot be read.
    """
    whole = [path for path in root.glob(f"*/{_FACTS}") if path.parent.name.isdigit()]
    if not whole:
        return None
    path = max(whole, key=lambda path: int(path.parent.name))
    try:
        stored = json.loads(path.read_bytes())
        return State(path.parent, Facts(**stored["facts"]), stored["parts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error


@torch.no_grad()
def load_state(state: State, tensors: Mapping[str, Tensor]) -> None:
    """Fill tensors of the same names and shapes as were saved.

    Raises:
        RefusedError: A part is missing or damaged, or is of another network.
    """
    flat: dict[str, Tensor] = {}
    left = {name: tensor.numel() for name, tensor in tensors.items()}
    for name, digest in state.parts.items():
        for key, values in load(_read_part(state.folder / name, digest)).items():
            piece = _parse(key)
            if left.get(piece.name, 0) < len(values):
                raise _damaged(state.folder / name)
            tensor = tensors[piece.name]
            whole = flat.setdefault(piece.name, torch.empty(tensor.numel(), dtype=tensor.dtype))
            whole[piece.first : piece.last] = values
            left[piece.name] -= len(values)
            if not left[piece.name]:
                tensor.copy_(flat.pop(piece.name).view(tensor.shape))
    if any(left.values()):
        raise _damaged(state.folder)


def _divide(tensors: Mapping[str, Tensor]) -> Iterator[list[Piece]]:
    """Pieces of all tensors in turn, as many together as make a part."""
    part: list[Piece] = []
    room = PART_BYTES
    for name, tensor in tensors.items():
        first = 0
        while first < tensor.numel():
            room -= _HEADER_BYTES + len(name)
            last = min(tensor.numel(), first + room // tensor.itemsize)
            if last <= first:
                yield part
                part, room = [], PART_BYTES
                continue
            part.append(Piece(name, first, last))
            room -= (last - first) * tensor.itemsize
            first = last
    if part:
        yield part


def _cut(tensors: Mapping[str, Tensor], piece: Piece) -> Tensor:
    return tensors[piece.name].detach().flatten()[piece.first : piece.last].cpu().contiguous()


def _key(piece: Piece) -> str:
    return f"{piece.name}:{piece.first}:{piece.last}"


def _parse(key: str) -> Piece:
    name, first, last = key.rsplit(":", 2)
    return Piece(name, int(first), int(last))


def _read_part(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(path)
    return content


def _damaged(path: Path) -> RefusedError:
    return RefusedError(
        f"{path}: this state of the training is damaged or incomplete; copy it again, "
        "or remove its folder to begin anew"
    )


def _sweep(root: Path, keep: Path) -> None:
    for folder in root.iterdir():
        if folder.is_dir() and folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
