"""What changes the bytes of an output, and the fingerprint that tells two such sets apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from marigold_cli.batch.fields import Json
from marigold_cli.batch.options import OutputOptions
from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.depth import DepthKind, Modality
from marigold_cli.errors import UsageError
from marigold_cli.inference.options import Recipe

UNTOLD: dict[str, Json] = {"tile": None, "refine": False}  # of a recipe: they change no byte

ALGORITHM = 1  # to be raised by us whenever the same settings give other bytes


@dataclass(frozen=True)
class Settings:
    """What changes the bytes of an output, and nothing else.

    Attributes:
        model: The checkpoint's name, for people; not in the fingerprint, for a folder may move.
        identity: What the checkpoint's bytes are.
        kind: What the depth's numbers mean.
        recipe: How it is predicted.
        dtype: What the networks compute in; never "auto", which differs between machines.
        vae: What the bytes of another autoencoder are; None: the checkpoint has its own.
        formats: Sorted, each once.
        colormap: None where no colour picture is written.
        uncertainty: Whether the ensemble's spread is written.
        invert: Whether near is 1 in depth.
        size: "input" or "processing".
        grid: "stored" or "upright".
        algorithm: `ALGORITHM` of the program that wrote it.
        intrinsics: Names of the intrinsic images, in the checkpoint's order.
    """

    model: str
    identity: str
    kind: DepthKind
    recipe: Recipe
    dtype: str
    vae: str | None
    formats: tuple[str, ...]
    colormap: str | None
    uncertainty: bool
    invert: bool
    size: str
    grid: str
    algorithm: int = ALGORITHM
    intrinsics: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        """The settings as JSON knows them, the recipe's fields beside the others."""
        facts = asdict(self)
        intrinsics = list(facts.pop("intrinsics"))  # told only where there are any
        if intrinsics:
            facts["intrinsics"] = intrinsics
        recipe = facts.pop("recipe")
        for key in [key for key, default in UNTOLD.items() if recipe[key] is default]:
            del recipe[key]
        return {**recipe, **facts, "formats": list(self.formats)}

    def label(self) -> str:
        """One line of JSON for an output's own tags: a stray file tells where it comes from."""
        return _canonical({"fingerprint": fingerprint(self), **self.to_dict()})


def fingerprint(settings: Settings) -> str:
    """16 hexadecimal digits that differ when any output's bytes may differ."""
    facts = settings.to_dict()
    del facts["model"]
    return hashlib.sha256(_canonical(facts).encode()).hexdigest()[:16]


def make_settings(
    card: AnyCard, recipe: Recipe, output: OutputOptions, dtype: str, vae: str | None
) -> Settings:
    """Gather what changes the bytes of an output.

    Args:
        card: The checkpoint's.
        recipe: What is done to every photo.
        output: What is written of it.
        dtype: What the networks compute in.
        vae: `identity` of another autoencoder; None: the checkpoint's own.

    Raises:
        UsageError: an output that this checkpoint or recipe cannot give.
    """
    if isinstance(card, FeedForwardCard):
        _check_one_pass(card, output, vae)
    if output.uncertainty and recipe.ensemble < 2:
        raise UsageError("--uncertainty is the spread of an ensemble; add --ensemble 10")
    if output.uncertainty and set(output.formats) == {"color"}:
        raise UsageError("--uncertainty has no colour picture; add --format npy, tiff, png or exr")
    if output.size == "processing" and recipe.refine:
        raise UsageError("--refine is for depth of the photo's size; leave out --output-size")
    if output.invert and card.kind is DepthKind.METRIC:
        raise UsageError(f"{card.name}: metric depth cannot be turned around by --invert")
    is_depth = card.kind.modality is Modality.DEPTH
    if not is_depth:
        _check_vectors(card, output)
    return Settings(
        model=card.name,
        identity=card.identity,
        kind=card.kind,
        recipe=recipe,
        dtype=dtype,
        vae=vae,
        formats=tuple(sorted(set(output.formats))),
        colormap=output.colormap if is_depth and "color" in output.formats else None,
        uncertainty=output.uncertainty,
        invert=output.invert,
        size=output.size,
        grid=output.grid,
        intrinsics=tuple(intrinsic.name for intrinsic in card.intrinsics),
    )


def _check_one_pass(card: FeedForwardCard, output: OutputOptions, vae: str | None) -> None:
    if output.uncertainty:
        raise UsageError(f"{card.name}: predicts once, so it has no spread for --uncertainty")
    if vae is not None:
        raise UsageError(f"{card.name}: has no autoencoder that --vae could replace")


def _check_vectors(card: AnyCard, output: OutputOptions) -> None:
    what = "normals" if card.kind is DepthKind.NORMALS else "intrinsic images"
    if output.invert:
        raise UsageError(f"{card.name}: {what} cannot be turned around by --invert")
    if "png" in output.formats:
        raise UsageError(
            f"{card.name}: {what} have no 16-bit PNG; take --format npy, tiff, exr or color"
        )


def _canonical(facts: Mapping[str, Json]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
