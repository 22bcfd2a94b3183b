"""How a user names data to train on: KIND:PLACE?option=value&option=value@WEIGHT."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.errors import UsageError
from marigold_cli.training.datasets.frame import Size

_WEIGHT = re.compile(r"^(?P<rest>.*)@(?P<weight>\d+(\.\d*)?|\.\d+)$", re.DOTALL)
_OPTIONS = re.compile(r"^(?P<rest>[^?]*)\?(?P<options>\w+=[^&?]*(&\w+=[^&?]*)*)$", re.DOTALL)
_PAPERS = {"hypersim": 9.0, "vkitti": 1.0}  # shares of batches in both papers


@dataclass(frozen=True)
class Spec:
    """One source of data, as it is asked for.

    Attributes:
        name: What was typed, without the weight.
        kind: The word before the colon.
        place: What stands behind it, mostly a path; may be empty.
        options: By name.
        weight: Its share of the batches, in any unit; None: not said.
    """

    name: str
    kind: str
    place: str
    options: Mapping[str, str]
    weight: float | None = None

    @property
    def path(self) -> Path:
        """The place as a path.

        Raises:
            UsageError: there is none.
        """
        if not self.place:
            raise UsageError(f"{self.name}: say where it lies, as in {self.kind}:FOLDER")
        return Path(self.place).expanduser()

    def choice(self, option: str, values: Sequence[str]) -> str:
        """The value of an option that is one of a few words, by default the first.

        Raises:
            UsageError: it is another.
        """
        value = self.options.get(option, values[0])
        if value not in values:
            raise UsageError(f"{self.name}: {option} is one of {', '.join(values)}, not {value}")
        return value

    def number(self, option: str, default: float) -> float:
        """The value of an option that is a number above 0.

        Raises:
            UsageError: it is none.
        """
        if option not in self.options:
            return default
        if value := positive(self.options[option]):
            return value
        raise UsageError(f"{self.name}: {option} is a number above 0, not {self.options[option]}")


@dataclass(frozen=True)
class Wish:
    """What is to be made of a source.

    Attributes:
        size: Height and width of its pictures [px]; None: as its paper uses them.
        device: Where pictures are rendered.
        with_normals: Whether normals are read where there are any.
    """

    size: Size | None = None
    device: str = "cpu"
    with_normals: bool = True


def parse_spec(text: str) -> Spec:
    """Take a specification apart.

    Only what looks like a weight at the very end is one, and only what looks like options before
    it are; so a path may hold @ and ?.

    Raises:
        UsageError: a weight of 0, or an option that is named twice.
    """
    rest, weight = text, None
    if found := _WEIGHT.match(text):
        rest, weight = found["rest"], positive(found["weight"])
        if weight is None:
            raise UsageError(f"{text}: the weight behind @ must be above 0; leave this source out")
    name, options = rest, {}
    if found := _OPTIONS.match(rest):
        rest = found["rest"]
        pairs = [pair.split("=", 1) for pair in found["options"].split("&")]
        options = dict(pairs)
        if len(options) < len(pairs):
            raise UsageError(f"{text}: an option is named twice")
    kind, _, place = rest.partition(":")
    return Spec(name, kind, place, options, weight)


def shares(specs: Sequence[Spec]) -> tuple[float, ...]:
    """How often each of several sources is drawn from; the sum is 1.

    Weights that are not said are 1, or the papers' 9 to 1 where Hypersim and Virtual KITTI are
    mixed with each other alone and neither has one.
    """
    kinds = sorted(spec.kind for spec in specs)
    if kinds == sorted(_PAPERS) and all(spec.weight is None for spec in specs):
        weights = [_PAPERS[spec.kind] for spec in specs]
    else:
        weights = [1.0 if spec.weight is None else spec.weight for spec in specs]
    return tuple(weight / sum(weights) for weight in weights)


def positive(text: str) -> float | None:
    """A number above 0; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
