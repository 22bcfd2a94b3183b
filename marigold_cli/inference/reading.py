"""How a network's decoded pictures are to be read. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass

from marigold_cli.depth import DepthKind, Intrinsic


@dataclass(frozen=True)
class NormalsCode:
    """How a picture, -1 to 1 in each channel, stands for normals.

    Attributes:
        has_full_z: Whether normals may point away from the viewer; else z in [-1, 1] stands for
            [0, 1].
        is_clipped: Whether what lies beyond -1 and 1 is cut before the length becomes 1.
        has_x_left: Whether x points left, as in the data that the E2E models were trained on.
    """

    has_full_z: bool = True
    is_clipped: bool = True
    has_x_left: bool = False


@dataclass(frozen=True)
class Reading:
    """What a network predicts, and how the pictures it gives stand for that.

    Attributes:
        kind: What the prediction means.
        rescale: Whether a single prediction of depth is stretched to [0, 1].
        normals: How pictures stand for normals.
        intrinsics: What N intrinsic images are, in the order of their latents.
    """

    kind: DepthKind = DepthKind.AFFINE_DEPTH
    rescale: bool = False
    normals: NormalsCode = NormalsCode()
    intrinsics: tuple[Intrinsic, ...] = ()


DEPTH = Reading()
