"""What changes the bytes of an output, and the fingerprint that tells two such sets apart."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from marigold_cli.batch.options import OutputOptions
from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.depth import DepthKind, Modality
from marigold_cli.errors import UsageError
from marigold_cli.inference.options import AUTO_TILE, Recipe

_DTYPES = ("float32", "float16", "bfloat16")

# Of a recipe: what changes no byte is not told.
_UNTOLD: dict[str, Json] = {"tile": None, "refine": False}

_SHORT = 12  # hexadecimal digits of bytes, for people
_OF_MODEL = (  # what follows from the model where no flag says otherwise
    *("identity", "kind", "intrinsics"),
    *("steps", "resolution", "timesteps", "noise", "dtype"),
)
_FLAGS = {  # of `marigold run`, by what they set
    "steps": "--steps",
    "ensemble": "--ensemble",
    "resolution": "--resolution",
    "seed": "--seed",
    "timesteps": "--timesteps",
    "noise": "--noise",
    "resample": "--resample",
    "reduction": "--reduction",
    "tile": "--tile",
    "refine": "--refine",
    "dtype": "--dtype",
    "formats": "--format",
    "colormap": "--colormap",
    "uncertainty": "--uncertainty",
    "invert": "--invert",
    "size": "--output-size",
    "grid": "--grid",
}

ALGORITHM = 1  # to be raised by us whenever the same settings give other bytes

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


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
        for key in [key for key, default in _UNTOLD.items() if recipe[key] is default]:
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


def differences(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
    """Say which settings differ, for instance "model tiny instead of large, steps 4 instead of 50".

    A model's bytes are told only where its name does not tell it apart.
    """
    words = []
    for key in _differing(here, there):
        mine, other = _word(key, here), _word(key, there)
        if key == "identity" and here.get("model") != there.get("model"):
            key, mine, other = "model", _word("model", here), _word("model", there)
        elif key == "identity":
            key = f"bytes of the model {_word('model', here)}"
        words.append(f"{key} {mine} instead of {other}")
    return ", ".join(words) or "nothing that this version knows of"


def advice(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
    """Say what to do about results of other settings: which flags go back to them, if any do."""
    others = "choose another --out, or --overwrite to compute everything anew"
    back = _way_back(here, there)
    return f"{back} to go on as before, {others}" if back else others


def _way_back(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
    """Return "add --steps 4 and leave out --invert"; empty: flags alone do not lead there."""
    keys = _differing(here, there)
    flags: list[str] = []
    superfluous = ["--fast"] if "steps" in keys and here.get("steps") == 1 else []
    if "identity" in keys and here.get("model") != there.get("model"):
        flags.append(f"--model {shlex.quote(_word('model', there))}")
        keys = [key for key in keys if key not in _OF_MODEL]
    if "formats" in keys and there.get("colormap") is None:
        keys = [key for key in keys if key != "colormap"]  # goes with the colour pictures
    for key in keys:
        flag, value = _FLAGS.get(key), there.get(key, _UNTOLD.get(key))
        if flag is None or (key == "dtype" and value not in _DTYPES):
            return ""
        if value is None or value is False:
            superfluous.append(flag)
        else:
            text = shlex.quote(_word(key, there).replace("+", ","))
            flags.append(flag if value is True else f"{flag} {text}")
    add = f"add {' '.join(flags)}" if flags else ""
    leave_out = f"leave out {' '.join(superfluous)}" if superfluous else ""
    return " and ".join(filter(None, (add, leave_out)))


def _differing(here: Mapping[str, Json], there: Mapping[str, Json]) -> list[str]:
    """Return which settings differ; the model's name alone is none."""
    keys = sorted((here.keys() | there.keys()) - {"model"})
    return [
        key for key in keys if here.get(key, _UNTOLD.get(key)) != there.get(key, _UNTOLD.get(key))
    ]


def _word(key: str, facts: Mapping[str, Json]) -> str:
    value = facts.get(key, _UNTOLD.get(key))
    if isinstance(value, list):
        return "+".join(map(str, value))
    if key == "tile" and value == AUTO_TILE:
        return "auto"
    text = "none" if value is None else str(value)
    return text[:_SHORT] if key in ("identity", "vae") else text


def _canonical(facts: Mapping[str, Json]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
