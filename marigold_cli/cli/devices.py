"""What `--devices` takes: which devices get a worker each."""

from __future__ import annotations

import re
from importlib.metadata import version

from marigold_cli.errors import DeviceError, UsageError


def read_devices(text: str) -> tuple[str, ...]:
    """Read "all", numbers of GPUs such as "0,1", names such as "xpu:0,xpu:1", or "cpu:2".

    Returns:
        The name of every worker's device.

    Raises:
        UsageError: it means nothing, or devices of several kinds.
    """
    text = text.strip()
    if text == "all":
        return accelerators() or ("cpu",)
    if match := re.fullmatch(r"cpu(?::([1-9]\d*))?", text):
        return ("cpu",) * int(match[1] or 1)
    names = tuple(_name(word.strip()) for word in text.split(","))
    if None in names:
        raise UsageError(f"--devices {text}: say all, numbers of GPUs such as 0,1, or cpu:2")
    devices = tuple(name for name in names if name)
    if len(set(devices)) < len(devices):
        raise UsageError(f"--devices {text}: names a device twice")
    if len({name.partition(":")[0] for name in devices}) > 1:
        raise UsageError(f"--devices {text}: devices of one run must be of one kind")
    return devices


def check_devices(devices: tuple[str, ...]) -> None:
    """See that they are there, before any worker starts.

    Raises:
        DeviceError: one is not.
    """
    if set(devices) == {"cpu"}:
        return
    from marigold_cli.checkpoints.device import available_devices

    here = available_devices()
    for name in devices:
        if name not in here:
            raise DeviceError(f"no device {name!r} on this machine; there is: {', '.join(here)}")


def accelerators() -> tuple[str, ...]:
    """Names of this machine's accelerators; empty: there is only the CPU."""
    if version("torch").endswith("+cpu"):  # known without the seconds that an import takes
        return ()
    from marigold_cli.checkpoints.device import available_devices

    return tuple(name for name in available_devices() if name != "cpu")


def _name(word: str) -> str | None:
    if re.fullmatch(r"\d+", word):
        return f"cuda:{int(word)}"
    return word if re.fullmatch(r"(cuda|xpu):\d+|mps", word) else None
