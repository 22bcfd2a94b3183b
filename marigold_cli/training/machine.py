"""Where a training computes and how exactly, through accelerate."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs

from marigold_cli.checkpoints.device import choose_device
from marigold_cli.errors import UsageError
from marigold_cli.training.options import Machine, Precision


def open_accelerator(machine: Machine) -> Accelerator:
    """Take this process's device; under `accelerate launch` each process has its own.

    Raises:
        DeviceError: There is no such device.
        UsageError: A precision that it does not have.
    """
    device = choose_device(machine.device).device
    if machine.device not in ("auto", device.type):
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)  # accelerate's way to name one
    precision = choose_precision(machine.precision, device)
    # Buffers are constants here, so there is no need to send them around.
    sharing = DistributedDataParallelKwargs(broadcast_buffers=False)
    return Accelerator(
        mixed_precision=precision, cpu=device.type == "cpu", kwargs_handlers=[sharing]
    )


def choose_precision(wish: Precision, device: torch.device) -> str:
    """The precision that was asked for, or the one that suits the device.

    Raises:
        UsageError: float16 without a GPU, where no gradient would survive at any speed.
    """
    if wish is Precision.FP16 and device.type == "cpu":
        raise UsageError("--precision fp16 needs a GPU; take bf16 or no")
    if wish is not Precision.AUTO:
        return wish.value
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return Precision.BF16.value if has_bf16 else Precision.NO.value
