"""A checkpoint's own words -> its card, with what the published ones leave unsaid filled in."""

from __future__ import annotations

from marigold_cli.checkpoints.card import Card
from marigold_cli.checkpoints.manifest import Manifest
from marigold_cli.depth import DepthKind
from marigold_cli.inference.options import Noise, Spacing

RESOLUTION = 768  # long edge that every published Marigold was trained for [px]

KINDS = {
    "depth": DepthKind.AFFINE_DEPTH,
    "disparity": DepthKind.AFFINE_DISPARITY,
    "normals": DepthKind.NORMALS,
    "intrinsics": DepthKind.INTRINSICS,
}


def make_card(manifest: Manifest, identity: str) -> Card:
    """Make the card of a checkpoint that was found sound.

    A model whose index calls it scale- or shift-aware is affine here like the others: the claim is
    weaker than its own, and still true.

    Raises:
        ModelError: a prediction or a schedule that this program cannot follow.
    """
    kind = KINDS.get(manifest.prediction)
    if kind is None:
        raise manifest.snapshot.refuse(
            f"it predicts {manifest.prediction}, not depth, normals or intrinsic images"
        )
    spacing = _spacing(manifest)
    return Card(
        name=manifest.snapshot.name,
        folder=manifest.snapshot.folder,
        identity=identity,
        kind=kind,
        scheduler="ddim" if spacing else "lcm",
        steps=_steps(manifest, spacing),
        resolution=RESOLUTION if manifest.resolution is None else manifest.resolution,
        timesteps=spacing,
        noise=_noise(manifest),
        rescale=manifest.is_e2e if manifest.rescale is None else manifest.rescale,
        intrinsics=manifest.intrinsics,
    )


def _spacing(manifest: Manifest) -> Spacing | None:
    if manifest.components["scheduler"].class_name == "LCMScheduler":
        return None
    try:
        return Spacing(manifest.spacing or Spacing.LEADING)  # diffusers' own default for DDIM
    except ValueError as error:
        raise manifest.snapshot.refuse(f"its scheduler is spaced {manifest.spacing!r}") from error


def _steps(manifest: Manifest, spacing: Spacing | None) -> int:
    """Its own number, or the published default of its family (v1-0 has 10, v1-1 has 4)."""
    if manifest.steps:
        return manifest.steps
    if manifest.is_e2e or spacing is None:
        return 1
    return 10 if spacing is Spacing.LEADING else 4


def _noise(manifest: Manifest) -> Noise:
    if manifest.noise is None:
        return Noise.ZEROS if manifest.is_e2e else Noise.GAUSSIAN
    try:
        return Noise(manifest.noise)
    except ValueError as error:
        raise manifest.snapshot.refuse(f"it starts from {manifest.noise!r} noise") from error
