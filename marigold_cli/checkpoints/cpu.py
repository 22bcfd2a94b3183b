"""What this machine's CPU is fast in. Knows nothing of torch."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_CPUS = Path("/proc/cpuinfo")
# What a CPU multiplies bfloat16 with, as Linux calls it and as people do.
_UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}


def choose_cpu_dtype(cpus: Path = _CPUS) -> str:
    """Choose what a denoising network is fastest in on this machine's CPU, at equal depth."""
    return "bfloat16" if bfloat16_units(cpus) else "float32"


def bfloat16_units(cpus: Path = _CPUS) -> list[str]:
    """Names of what this machine's CPU multiplies bfloat16 with; empty: nothing, or not known.

    Only x86 under Linux is asked: elsewhere it was not measured whether bfloat16 is any faster.

    Args:
        cpus: What the kernel tells of them.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not cpus.is_file():
        return []
    flags = re.search(r"^flags\s*:(.*)$", cpus.read_text(encoding="ascii", errors="replace"), re.M)
    told = set(flags[1].split()) if flags else set()
    return [name for flag, name in _UNITS.items() if flag in told]
