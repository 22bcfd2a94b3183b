"""The embedded models' table, with baselines: scenes, a stereo photograph, measured photographs.

Usage: python table.py [SCENES]

Held-out scenes are rendered for it; the photograph is the sample with true disparity; the measured
photographs are used where MARIGOLD_REAL_DATA or ../shared/data/real-open beside the checkout has
them. Tables, sheets and predictions go to build/evaluation, and
MODEL-scores.csv, which is to be committed as scores.csv beside the model.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from marigold_cli.checkpoints.resolve import EMBEDDED
from marigold_cli.checkpoints.scores import COLUMNS, SCORES
from marigold_cli.cli import main
from marigold_cli.scenes.render import SKY_DEPTH, render

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("MARIGOLD_REAL_DATA", ROOT.parent / "shared/data/real-open"))
HELD_OUT = 1_000_000_000  # seeds from here on are never trained on
HEIGHT, WIDTH = 144, 192  # what the embedded models were made for [px]


def write_scenes(folder: Path, count: int) -> None:
    """Render held-out scenes as pictures with depth; the sky is no truth."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    for seed in range(HELD_OUT, HELD_OUT + count):
        views = render([seed], HEIGHT, WIDTH)
        rgb = (views.rgb[0].permute(1, 2, 0) * 255).round().byte().numpy()
        depth = views.depth[0, 0].numpy()
        Image.fromarray(rgb).save(folder / f"rgb/{seed}.png")
        np.save(folder / f"depth/{seed}.npy", np.where(depth < SKY_DEPTH, depth, 0))


def write_motorcycle(folder: Path) -> None:
    """The sample photograph whose depth was measured by structured light."""
    samples = ROOT / "sample_images"
    (folder / "depth").mkdir(parents=True)
    shutil.copy(samples / "motorcycle.jpg", folder)
    shutil.copy(samples / "truth/motorcycle.exr", folder / "depth")


def evaluate(count: int) -> int:
    """Measure on everything that is there."""
    with tempfile.TemporaryDirectory() as made:
        places = [Path(made) / "scenes", Path(made) / "motorcycle"]
        write_scenes(places[0], count)
        write_motorcycle(places[1])
        places += [REAL] if REAL.exists() else []
        sets = [word for place in places for word in ("--dataset", "folder", "--data", str(place))]
        out = ROOT / "build/evaluation"
        shutil.rmtree(out, ignore_errors=True)  # scenes lie elsewhere each time
        print(f"{count} scenes, {datetime.now(UTC):%Y-%m-%d}", file=sys.stderr)
        first, *others = EMBEDDED
        models = ["--model", first, *(word for name in others for word in ("--compare", name))]
        code = main(["evaluate", *sets, *models, "--baselines", "--out", str(out)])
    for name in EMBEDDED:
        write_scores(out, name)
    return code


def write_scores(out: Path, model: str) -> None:
    """Gather a model's scores, picture by picture, into the table that lies beside its networks."""
    with (out / f"{model}-{SCORES}").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for table in sorted(out.glob(f"*/{model}-1-x-1.csv")):
            for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
                kind = "photographs" if table.parent.name == REAL.name else table.parent.name
                place = " ".join(word for word in (kind, row["group"]) if word)
                scores = (f"{float(row[key]):.4f}" for key in COLUMNS[2:])
                writer.writerow([place, Path(row["picture"]).stem, *scores])


if __name__ == "__main__":
    sys.exit(evaluate(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
