from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from marigold_cli.batch.groups import Gauge, Pause
from marigold_cli.batch.plan import Job
from marigold_cli.batch.stages import Loaded, Origin
from marigold_cli.files.decode import Photo
from marigold_cli.files.discover import ImageRef

JOB = Job(ImageRef(Path("a.jpg"), "a.jpg"), (), "new", size=20)


def decoded(pixels: int, size: int) -> Loaded:
    """A photo of so many pixels from a file of so many bytes."""
    photo = Photo(np.zeros((pixels, 1, 3), np.uint8), (pixels, 1), 1, "")
    return Loaded(Origin(JOB, photo.size, 1, "", size, 0), photo)


def test_a_photo_in_the_making_is_judged_by_the_files_before_it():
    gauge = Gauge(1000)
    unknown = gauge.guess(JOB)

    gauge.learn(decoded(pixels=100, size=100))  # six bytes in memory for one of the file
    gauge.learn(decoded(pixels=100, size=300))

    assert unknown == 500
    assert (gauge.guess(JOB), gauge.guess(replace(JOB, size=90))) == (120, 500)
    assert gauge.guess(replace(JOB, size=0)) == 500  # nothing is known of it
    assert gauge.guess(Pause()) == 0
