"""What must be the same when a training goes on, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from marigold_cli.checkpoints.manifest import INDEX
from marigold_cli.errors import ForeignFileError, SettingsMismatchError
from marigold_cli.training.options import CourseOptions, Precision
from marigold_cli.training.order import Division
from marigold_cli.training.samples import Source
from marigold_cli.training.state import State

_PASSES, _PRECISION = "passes per update", "precision"


def bind(
    options: CourseOptions,
    base: str,
    sources: Sequence[Source],
    shares: Sequence[float],
    division: Division,
) -> dict[str, str]:
    """Say all that a loss curve depends on.

    Not among it are the device, how the pictures of one source are divided into passes, which of
    them are made by which process, where folders lie, and the number of updates: a training may
    move, and may be prolonged.

    Args:
        options: As asked for, but for the precision, which is what it came to.
        base: Identity of what it starts from.
        sources: What it learns from.
        shares: Of the batches that come from each source.
        division: For the number of pictures in an update; of several sources, for that of passes,
            each of which draws one.
    """
    method, material, pace = options.method, options.material, options.pace
    mixing = {_PASSES: str(division.passes)} if len(sources) > 1 else {}
    return {
        "protocol": method.protocol.value,
        "modality": method.modality.value,
        "zero SNR": str(method.zero_snr),
        "share of the last timestep": str(method.last_share),
        "unit": method.unit.value,
        "base": base,
        "data": "; ".join(
            f"{_place(source.name)} ({len(source)} pictures, {share:.3g} of the batches)"
            for source, share in zip(sources, shares, strict=True)
        ),
        "size": str(material.size),
        "cache": str(material.cache is not None),
        "augment": str(material.augment),
        "pictures per update": str(division.pictures),
        **mixing,
        "rate": str(pace.rate),
        "warm-up": str(pace.warm_up),
        "final rate": str(pace.final_rate),
        "weight decay": str(pace.weight_decay),
        "clip": str(pace.clip),
        "average": str(pace.average),
        _PRECISION: options.machine.precision.value,
        "seed": str(options.seed),
    }


def check_binding(out: Path, state: State | None, binding: dict[str, str]) -> None:
    """Refuse a folder that holds something else.

    Raises:
        SettingsMismatchError: A training with other options.
        ForeignFileError: A checkpoint without a training's state.
    """
    if state is None:
        found = [name for name in (INDEX, "unet", "vae") if (out / name).exists()]
        if found:
            raise ForeignFileError(
                f"{out}: holds a checkpoint ({found[0]}) and no state of a training to go on "
                "from; choose another --out"
            )
        return
    before = _completed(state.facts.binding, binding)
    changed = [key for key in binding if before.get(key) != binding[key]]
    if changed:
        changes = ", ".join(f"{key}: {before.get(key)} then, {binding[key]} now" for key in changed)
        raise SettingsMismatchError(
            f"{out}: this training began with other options ({changes}); give the same again, "
            "or choose another --out"
        )


def _completed(before: Mapping[str, str], binding: Mapping[str, str]) -> Mapping[str, str]:
    """What was bound, and what earlier versions did not know yet: that goes on as it is now."""
    unknown = [key for key in (_PASSES,) if key in binding and key not in before]
    if before.get(_PRECISION) == Precision.AUTO:
        unknown.append(_PRECISION)
    return {**before, **{key: binding[key] for key in unknown}}


def _place(name: str) -> str:
    """A source's name without the folders above it, since a training may move with its data."""
    kind, colon, place = name.partition(":")
    return kind + colon + PurePath(place).name
