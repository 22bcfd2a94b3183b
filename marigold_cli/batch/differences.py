"""How two sets of settings differ, and which flags lead from one back to the other, in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from marigold_cli.batch.fields import Json
from marigold_cli.batch.settings import UNTOLD
from marigold_cli.inference.options import AUTO_TILE

_DTYPES = ("float32", "float16", "bfloat16")
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


def tell_differences(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
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


def advise(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
    """Say what to do about results of other settings: which flags go back to them, if any do."""
    others = "choose another --out, or --overwrite to compute everything anew"
    back = _way_back(here, there)
    return f"{back} to go on as before, {others}" if back else others


def _way_back(here: Mapping[str, Json], there: Mapping[str, Json]) -> str:
    """Return "add --steps 4 and leave out --invert"; empty: flags alone do not lead there."""
    keys = _differing(here, there)
    flags: list[str] = []
    superfluous: list[str] = []
    fast = " (without --fast)" if "steps" in keys and here.get("steps") == 1 else ""
    if "identity" in keys and here.get("model") != there.get("model"):
        flags.append(f"--model {shlex.quote(_word('model', there))}")
        keys = [key for key in keys if key not in _OF_MODEL]
    if "formats" in keys and there.get("colormap") is None:
        keys = [key for key in keys if key != "colormap"]  # goes with the colour pictures
    for key in keys:
        flag, value = _FLAGS.get(key), there.get(key, UNTOLD.get(key))
        if flag is None or (key == "dtype" and value not in _DTYPES):
            return ""
        if value is None or value is False:
            superfluous.append(flag)
        else:
            text = shlex.quote(_word(key, there).replace("+", ","))
            flags.append(flag if value is True else f"{flag} {text}")
    add = f"add {' '.join(flags)}" if flags else ""
    leave_out = f"leave out {' '.join(superfluous)}" if superfluous else ""
    return " and ".join(filter(None, (add, leave_out))) + fast


def _differing(here: Mapping[str, Json], there: Mapping[str, Json]) -> list[str]:
    """Return which settings differ; the model's name alone is none."""
    keys = sorted((here.keys() | there.keys()) - {"model"})
    return [
        key for key in keys if here.get(key, UNTOLD.get(key)) != there.get(key, UNTOLD.get(key))
    ]


def _word(key: str, facts: Mapping[str, Json]) -> str:
    value = facts.get(key, UNTOLD.get(key))
    if isinstance(value, list):
        return "+".join(map(str, value))
    if key == "tile" and value == AUTO_TILE:
        return "auto"
    text = "none" if value is None else str(value)
    return text[:_SHORT] if key in ("identity", "vae") else text
