"""Teaching a VAE's decoder to give back pictures and depth maps from a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from marigold_cli.training.codec import Codec
from marigold_cli.training.lesson import Batch, Lesson
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import depth_image, rgb_image


class AutoencoderProtocol(Protocol):
    """L1 of values and of their slopes, on crops.

    Attributes:
        crop: Side of the crops [px]; the decoder is convolutional, small ones teach it best.
        depth_share: Share of crops that are of depth maps; the rest are of pictures.
        blur: Deviation of the noise on latents, so that a denoiser's small errors are forgiven.
        slopes: Weight of the slopes' error.
    """

    network: AutoencoderKL
    crop = 64
    depth_share = 0.75
    blur = 0.05
    slopes = 0.5

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self._codec = Codec(vae)
        self.network, self.multiple = vae, self._codec.multiple
        for name, weight in vae.named_parameters():
            weight.requires_grad_(name.startswith(("decoder.", "post_quant_conv.")))

    def encode(self, samples: Samples) -> Lesson:
        """Pictures and depth maps as images; crops are made of them at every showing."""
        depth, step = depth_image(samples.depth, samples.valid)
        image = depth.expand(-1, 3, -1, -1)
        return Lesson(
            rgb_image(samples.rgb), image, samples.valid, torch.ones_like(step)[:, None, None, None]
        )

    def normals(self, content: Samples | Lesson, shared: Sequence[float]) -> int:
        """Noise for the latent of a crop."""
        image = content.given if isinstance(content, Lesson) else content.rgb
        rows, columns = (self._side(side) // self.multiple for side in image.shape[2:])
        return self._codec.channels * rows * columns

    def loss(self, batch: Batch) -> Tensor:
        """Error of decoded crops."""
        image = self._crops(self.lesson(batch), batch)  # [B, 3, crop, crop]
        latent = self._codec.encode(image)  # [B, C, h, w]
        noise = batch.chance.normal.view(latent.shape)
        error = self._codec.decode(latent + self.blur * noise) - image
        slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        return error.abs().mean() + self.slopes * slopes

    @torch.no_grad()
    def predict(self, samples: Samples) -> Tensor:
        """Depth maps, encoded and decoded."""
        depth, _ = depth_image(samples.depth, samples.valid)
        latent = self._codec.encode(depth.expand(-1, 3, -1, -1))
        return self._codec.decode(latent).mean(1, keepdim=True)

    def _crops(self, lesson: Lesson, batch: Batch) -> Tensor:
        """Depth maps or pictures [B, 3, crop, crop] from one place, another at every update."""
        is_depth = batch.chance.uniform[:, 0] < self.depth_share
        image = torch.where(is_depth[:, None, None, None], lesson.target, lesson.given)
        (height, width), shared = image.shape[2:], batch.chance.shared
        rows, columns = self._side(height), self._side(width)
        top, left = int(shared[0] * (height - rows + 1)), int(shared[1] * (width - columns + 1))
        return image[:, :, top : top + rows, left : left + columns]

    def _side(self, full: int) -> int:
        return min(self.crop, full // self.multiple * self.multiple)
