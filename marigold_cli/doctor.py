"""Is this machine fit for the work? A list of checks, each with what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from marigold_cli import __version__

_PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "huggingface_hub",
    "safetensors",
    "numpy",
    "pillow",
    "tifffile",
    "imagecodecs",
    "OpenEXR",
    "typer",
    "rich",
)
# [bytes] A full model takes 5 GB in float32 (`published.FULL_SIZE`); the rest is for results,
# 50 MB for a 12-megapixel photo.
_LOW_DISK = 6e9


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What, in one or two words.
        ok: Whether it can stay as it is; what is merely missing by choice is fine.
        found: What is there.
        advice: What to do; "" where nothing needs to be done.
    """

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Look at everything; a check that itself breaks is reported, not raised."""
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("packages", _packages),
        ("devices", _devices),
        ("models", _models),
        ("disk", _disk),
        ("extras", _extras),
    )
    return [check for name, look in looks for check in _guarded(name, look)]


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except Exception as error:  # a doctor that crashes helps nobody
        advice = "install the package again in a fresh environment"
        yield Check(name, False, f"{type(error).__name__}: {error}", advice)


def _packages() -> Iterator[Check]:
    """Versions of this program and of what it stands on."""
    yield Check("marigold", True, __version__)
    yield Check("python", True, f"{platform.python_version()} ({sys.executable})")
    yield Check("system", True, f"{platform.platform()}, {platform.machine()}")
    wanted = _requirements()
    for name in _PACKAGES:
        yield _package(name, wanted.get(name.lower().replace("_", "-"), ""))


def _requirements() -> dict[str, str]:
    """Return the version ranges that this package declares, by lower-case name."""
    try:
        lines = importlib.metadata.requires("marigold-cli") or []
    except importlib.metadata.PackageNotFoundError:
        return {}  # run from a checkout that was not installed
    from packaging.requirements import Requirement

    needs = [Requirement(line) for line in lines]
    return {need.name.lower().replace("_", "-"): str(need.specifier) for need in needs}


def _package(name: str, wanted: str) -> Check:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "missing", f"pip install '{name}{wanted}'")
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(wanted).contains(version, prereleases=True):
        return Check(name, False, f"{version}, needed {wanted}", f"pip install '{name}{wanted}'")
    return Check(name, True, version)


def _devices() -> Iterator[Check]:
    """What can predict, what is chosen by default, and why."""
    import torch

    from marigold_cli.checkpoints import cpu, device

    for name in device.available_devices():
        yield Check("device", True, device.describe_device(name))
    place = device.choose_device()
    yield Check("default device", True, place.reason)
    for wish in ("auto", *device.DTYPES):
        choice = device.choose_dtype(wish, place.device, cpu.choose_cpu_dtype())
        reason = choice.reason.removeprefix("asked for").removeprefix("; ")
        yield Check(f"--dtype {wish}", True, f"{choice.name}: {reason}" if reason else choice.name)
    yield _cpu_units(cpu.bfloat16_units())
    yield _compiler(place.device.type)
    yield _threads(torch.get_num_threads())


def _cpu_units(units: list[str]) -> Check:
    """Whether half precision is of any use on the CPU."""
    if not units:
        return Check("cpu bfloat16", True, "not multiplied in hardware; --dtype auto is float32")
    advice = "for depth to the last digit, or as on machines without it: --dtype float32"
    found = f"multiplied in hardware ({' and '.join(units)}); --dtype auto is bfloat16"
    return Check("cpu bfloat16", True, found, advice)


def _compiler(device: str) -> Check:
    """What `--compile` needs and comes to."""
    needed = "triton" if device == "cuda" else os.environ.get("CXX", "g++")
    if device == "cuda":
        is_there = importlib.util.find_spec(needed) is not None
    else:
        is_there = shutil.which(needed) is not None
    if not is_there:
        return Check("--compile", True, f"no {needed}: the network stays as it is")
    if device == "cuda":
        return Check("--compile auto", True, f"{needed} found; after ten minutes, if it is faster")
    return Check("--compile auto", True, f"{needed} found, but on a CPU it rarely pays: off")


def _threads(used: int) -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS")
    found = f"{used} of {cores} cores" + (f" (OMP_NUM_THREADS={asked})" if asked else "")
    if cores and used > cores:
        return Check("cpu threads", False, found, f"set OMP_NUM_THREADS={cores}")
    return Check("cpu threads", True, found)


def _models() -> Iterator[Check]:
    """What could be used without the network."""
    from marigold_cli.checkpoints import hub, published

    listed = hub.list_models()
    for one in listed:
        if one.state == "unusable":
            advice = f"marigold models pull {one.name}"
            yield Check("model", False, f"{one.name}: {one.about}", advice)
        elif one.state != "absent":
            yield Check("model", True, f"{one.name} ({one.state}, {one.size_bytes / 1e6:.0f} MB)")
    usable = {one.name for one in listed if one.state == "cached"}
    if not usable & {one.name for one in published.KNOWN}:
        advice = f"for full quality: marigold models pull {published.V1_1.name}"
        yield Check("full model", True, "none on this machine", advice)


def _disk() -> Iterator[Check]:
    """Room where models and, by default, results go."""
    from marigold_cli.checkpoints.cache import cache_folder

    yield _room("disk, models", cache_folder(), "set HF_HOME to a folder with more room")
    yield _room("disk, here", Path.cwd(), "point --out to a folder with more room")


def _room(name: str, folder: Path, advice: str) -> Check:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(there, os.W_OK):
        return Check(name, False, f"{there} cannot be written to", advice)
    free = shutil.disk_usage(there).free
    enough = free >= _LOW_DISK
    return Check(name, enough, f"{free / 1e9:.1f} GB free at {folder}", "" if enough else advice)


def _extras() -> Iterator[Check]:
    """Formats that need an optional package."""
    from marigold_cli.files.extras import EXTRAS

    for extra in EXTRAS:
        if extra.is_installed:
            yield Check(f"extra {extra.name}", True, f"{extra.photos} can be read")
        else:
            advice = f"{extra.command} to read {extra.photos}"
            yield Check(f"extra {extra.name}", True, "not installed", advice)
