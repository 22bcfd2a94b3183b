"""The recipe of the embedded models, as data: each course goes on from what the last one left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from marigold_cli.training.options import (
    PACES,
    CourseOptions,
    Machine,
    Material,
    Method,
    Pace,
    Precision,
    ProtocolName,
    Unit,
    Upkeep,
)

SIZE = (144, 192)  # height, width of the pictures [px]
PICTURES = 40_704  # procedural scenes

_UPKEEP = Upkeep(half=True, steps=1)


def embedded_courses(
    out: Path, machine: Machine, further: tuple[str, ...] = ()
) -> tuple[CourseOptions, ...]:
    """An autoencoder, then `tiny` by Marigold's protocol, then `tiny-e2e` end to end.

    Args:
        out: Folder of the scenes, and of each course by its name.
        machine: Where to compute; in bfloat16 unless another precision is asked for, on any device,
            so that a training may move.
        further: Data that the U-Nets learn from beside the scenes, whose weight is 1.
    """
    if machine.precision is Precision.AUTO:
        machine = replace(machine, precision=Precision.BF16)
    scenes = Material((f"rendered:{out / 'scenes'}?count={PICTURES}",), SIZE)
    mixed = replace(scenes, specs=(*scenes.specs, *further), augment=True)
    autoencoder = CourseOptions(
        out / "autoencoder",
        method=Method(ProtocolName.AUTOENCODER),
        material=scenes,
        pace=PACES[ProtocolName.AUTOENCODER],
        machine=machine,
        upkeep=_UPKEEP,
    )
    tiny = CourseOptions(
        out / "tiny",
        base=str(autoencoder.out),
        method=Method(ProtocolName.MARIGOLD, last_share=0.6),
        material=mixed,
        pace=Pace(14_000, 32, 1, rate=1e-3, final_rate=0.02, clip=1.0, average=0.998),
        machine=machine,
        upkeep=_UPKEEP,
    )
    end_to_end = CourseOptions(
        out / "tiny-e2e",
        base=str(tiny.out),
        method=Method(ProtocolName.E2E, unit=Unit.DEPTH),
        material=mixed,
        pace=Pace(
            *(5000, 32, 1),
            rate=6e-4,
            final_rate=0.04,
            weight_decay=0.01,
            clip=1.0,
            average=0.998,
        ),
        machine=machine,
        upkeep=replace(_UPKEEP, blend=0.25),
    )
    return autoencoder, tiny, end_to_end
