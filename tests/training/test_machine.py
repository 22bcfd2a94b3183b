from __future__ import annotations

import pytest
import torch

from marigold_cli.errors import DeviceError, UsageError
from marigold_cli.training.machine import choose_precision, open_accelerator
from marigold_cli.training.options import Machine, Precision


def test_a_cpu_computes_in_full_precision_unless_told_otherwise() -> None:
    cpu = torch.device("cpu")

    assert choose_precision(Precision.AUTO, cpu) == "no"
    assert choose_precision(Precision.BF16, cpu) == "bf16"


def test_float16_is_refused_on_a_cpu() -> None:
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        choose_precision(Precision.FP16, torch.device("cpu"))


def test_a_device_that_is_not_there_is_said_so() -> None:
    with pytest.raises(DeviceError, match="no device 'cuda:7'"):
        open_accelerator(Machine("cuda:7"))


@pytest.mark.gpu
def test_a_gpu_computes_in_bfloat16_where_it_has_it() -> None:
    device = torch.device("cuda")
    wish = "bf16" if torch.cuda.is_bf16_supported() else "no"

    assert choose_precision(Precision.AUTO, device) == wish
    assert choose_precision(Precision.FP16, device) == "fp16"
