"""What people write without this tool: a loop over diffusers' pipeline, npy and colour out.

Usage: python plain_loop.py CHECKPOINT PHOTOS OUT STEPS ENSEMBLE
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from diffusers import MarigoldDepthPipeline
from PIL import Image


def main(checkpoint: str, photos: str, out: str, steps: str, ensemble: str) -> None:
    pipeline = MarigoldDepthPipeline.from_pretrained(checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(photos).iterdir()):
        result = pipeline(
            Image.open(path), num_inference_steps=int(steps), ensemble_size=int(ensemble)
        )
        np.save(folder / f"{path.stem}_depth.npy", result.prediction[0, ..., 0])
        picture = pipeline.image_processor.visualize_depth(result.prediction)[0]
        picture.save(folder / f"{path.stem}_color.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
