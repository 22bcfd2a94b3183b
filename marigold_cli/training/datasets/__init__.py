"""What can be trained on.

ask       spec (a name such as hypersim:DIR@9), opening (what it stands for)
made      synthetic, rendered (kept once they are made)
found     hypersim, vkitti, folder
set       pictures, layout, listing, stamps (whether files are still the same)
picture   frame, decoding, headers, exr

A name becomes a `marigold_cli.training.samples.Source`. To check a set takes 25
microseconds of one core a file: 4 seconds for the 148,000 files of both papers on a local disk. On
a network drive it is the drive's delay that counts, of 16 files at a time.
"""

from __future__ import annotations

from marigold_cli.training.datasets.opening import open_source, open_sources
from marigold_cli.training.datasets.pictures import PictureSet
from marigold_cli.training.datasets.rendered import Rendered
from marigold_cli.training.datasets.synthetic import HELD_OUT

__all__ = ["HELD_OUT", "PictureSet", "Rendered", "open_source", "open_sources"]
