"""What a run computes in, settled before the model is loaded: it binds the output folder."""

from __future__ import annotations

from importlib.metadata import version


def settle_dtype(wish: str, device: str, cpu_dtype: str = "float32") -> str:
    """The precision that will be used: what was asked for, or what suits the device.

    "auto" itself must not bind a folder: it means float16 on one machine and float32 on the next.
    torch, which takes seconds to import, is asked only where it may know of an accelerator.

    Args:
        wish: "auto", "float32", "float16" or "bfloat16".
        device: As it was asked for.
        cpu_dtype: What "auto" means on a CPU: `Card.cpu_dtype`.

    Raises:
        DeviceError: there is no such device.
    """
    if wish != "auto":
        return wish
    if device == "cpu" or (device == "auto" and version("torch").endswith("+cpu")):
        return cpu_dtype
    from marigold_cli.checkpoints.device import choose_device, choose_dtype

    return choose_dtype(wish, choose_device(device).device, cpu_dtype).name
