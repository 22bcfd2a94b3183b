"""Which device and which precision, each with the reason in words for `marigold doctor`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from marigold_cli.checkpoints.cpu import bfloat16_units
from marigold_cli.errors import DeviceError, UsageError, first_line

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class DeviceChoice:
    """A device, and why."""

    device: torch.device
    reason: str


@dataclass(frozen=True)
class DtypeChoice:
    """A precision for the networks, and why."""

    dtype: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        """As a user spells it: "float16"."""
        return str(self.dtype).removeprefix("torch.")


def available_devices() -> list[str]:
    """Names of this machine's devices, the fastest first; "cpu" is always among them."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    xpu = [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *xpu, *mps, "cpu"]


def choose_device(wish: str = "auto") -> DeviceChoice:
    """Find the device that was asked for, or the fastest.

    Raises:
        DeviceError: there is no such device; the message says what there is.
    """
    here = available_devices()
    if wish == "auto":
        why = "the first accelerator" if here[0] != "cpu" else "no accelerator found"
        return DeviceChoice(torch.device(here[0]), f"{describe_device(here[0])}: {why}")
    full = f"{wish}:0" if wish in ("cuda", "xpu") else wish
    if full not in here:
        raise DeviceError(f"no device {wish!r} on this machine; there is: {', '.join(here)}")
    return DeviceChoice(torch.device(full), f"{describe_device(full)}: asked for")


def choose_dtype(wish: str, device: torch.device, cpu_dtype: str = "float32") -> DtypeChoice:
    """Find the precision that was asked for, or the one that suits the device.

    float16 and not bfloat16 on a GPU: the published models were made for it and ship float16
    files; without guidance nothing in them comes near its largest number; and bfloat16 has 8 bits
    of precision, so that depth between 0.75 and 1 would come in 128 steps instead of 1024.

    Args:
        wish: "auto", "float32", "float16" or "bfloat16".
        device: Where.
        cpu_dtype: What "auto" means on a CPU: `Card.cpu_dtype`.

    Raises:
        UsageError: there is no such precision.
    """
    if wish in DTYPES:
        return DtypeChoice(DTYPES[wish], f"asked for{_warning(DTYPES[wish], device)}")
    if wish != "auto":
        raise UsageError(f"no precision {wish!r}; there is: auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        return DtypeChoice(
            torch.float16,
            "half the memory of float32 and faster; bfloat16 would be coarser: 8 bits of "
            "precision against 11, and its wider range is not needed here",
        )
    if device.type == "cpu":
        return DtypeChoice(DTYPES[cpu_dtype], _cpu_reason(cpu_dtype))
    return DtypeChoice(torch.float32, f"safe on {device.type}; try --dtype float16 for speed")


def vae_dtype(dtype: torch.dtype) -> torch.dtype:
    """Precision of the autoencoder beside a U-Net of this precision.

    The 8 bits of bfloat16 in a decoder make bands: they put 0.38 times its own size of noise on the
    depth's second differences, with its last layers in float32 still 0.19; in the U-Net 0.02.
    """
    return torch.float32 if dtype is torch.bfloat16 else dtype


def describe_device(name: str) -> str:
    """A device in words: its name, model and memory."""
    device = torch.device(name)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{name} ({properties.name}, {properties.total_memory / 2**30:.0f} GiB)"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return name


def _cpu_reason(dtype: str) -> str:
    units = " and ".join(bfloat16_units())
    if dtype == "bfloat16":
        return (
            f"the CPU multiplies in it ({units}), so that the U-Net is 1.4 to 2 times as fast as "
            "in float32, and depth differs by 0.001 on average; the autoencoder stays in float32"
        )
    if units:
        return f"{units} of this CPU would be faster, but was not measured for this model"
    return "a CPU without AVX512-BF16 or AMX is fastest in it; the others would only be coarser"


def _warning(dtype: torch.dtype, device: torch.device) -> str:
    if dtype is torch.bfloat16 and device.type == "cpu" and not bfloat16_units():
        return "; slower than float32 on a CPU without AVX512-BF16 or AMX"
    if dtype is torch.bfloat16:
        return "; coarse: 8 bits of precision against float16's 11; the autoencoder is in float32"
    if dtype is torch.float16 and device.type == "cpu":
        return "; slower than float32 on a CPU"
    return ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means too little memory; CPU and MPS only say so in words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "out of memory")
    )


def check_alive(name: str) -> None:
    """Ask a device whether it still works, after an error that may have been its end.

    What breaks a GPU (an illegal access, a memory error, a card off the bus) is told by whatever
    is asked of it next, and by all that follows; no photo is to blame for that.

    Raises:
        DeviceError: it does not.
    """
    device = torch.device(name)
    if device.type == "cpu":
        return
    try:
        torch.accelerator.synchronize(device)
    except RuntimeError as error:
        message = f"{name} does not work any more: {first_line(error)}; run the same line again"
        raise DeviceError(message) from error
