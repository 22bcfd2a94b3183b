"""What both ways to teach a U-Net share: a picture's latent, a noisy one, and a question."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from marigold_cli.depth import Modality
from marigold_cli.training.codec import Codec
from marigold_cli.training.lesson import Lesson
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Samples


class Denoiser(Protocol):
    """A U-Net between the latents of a frozen VAE.

    Attributes:
        network: [B, 2 C, h, w], picture's latent before the target's -> velocity [B, C, h, w].
        codec: The VAE.
        scheduler: Its noise levels; read only.
        modality: What is estimated.
    """

    network: UNet2DConditionModel
    empty_text: Tensor
    alpha_bar: Tensor

    def __init__(
        self,
        unet: UNet2DConditionModel,
        codec: Codec,
        scheduler: DDIMScheduler,
        empty_text: Tensor,
        modality: Modality,
    ) -> None:
        """Take networks.

        Args:
            unet: Float32.
            codec: Whose latents the U-Net reads and writes.
            scheduler: Noise levels.
            empty_text: [1, T, W], the empty prompt.
            modality: What is estimated.
        """
        super().__init__()
        self.network, self.codec, self.scheduler = unet, codec, scheduler
        self.modality, self.multiple = modality, codec.multiple
        self.register_buffer("empty_text", empty_text, persistent=False)
        self.register_buffer("alpha_bar", scheduler.alphas_cumprod.clone(), persistent=False)

    @property
    def last(self) -> int:
        """The noisiest timestep."""
        return len(self.alpha_bar) - 1

    def ask(self, given: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Velocity [B, C, h, w] float32 that the U-Net sees in noisy latents [B, C, h, w].

        Args:
            given: [B, C, h, w], the picture's latent.
            noisy: [B, C, h, w].
            timestep: [B].
        """
        text = self.empty_text.expand(len(given), -1, -1)  # [B, T, W]
        answer: Tensor = self.network(torch.cat((given, noisy), 1), timestep, text).sample
        return answer.float()

    def cells(self, content: Samples | Lesson) -> tuple[int, int]:
        """Height and width of latents."""
        if isinstance(content, Lesson):
            height, width = content.given.shape[2:]
            return height, width
        height, width = content.rgb.shape[2:]
        return height // self.multiple, width // self.multiple

    def level(self, timestep: Tensor) -> Tensor:
        """Share of signal power [B, 1, 1, 1] at timesteps [B]."""
        return self.alpha_bar[timestep].view(-1, 1, 1, 1)
