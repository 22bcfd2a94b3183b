"""An encoder that need not be trained: the principal components of 8 x 8 patches.

A short training spends its hours on teaching a VAE's encoder to keep colour and contrast. The best
linear encoder is known in closed form, and AutoencoderKL's layers can hold it exactly: strided
convolutions fold 2 x 2 pixels into channels and keep the strongest directions, residual blocks
pass everything through, and SiLU is undone by pairs, since silu(x) - silu(-x) = x.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.vae import Encoder
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn import functional as F

_LOG_VARIANCE = -8.0  # of the posterior: next to nothing
_WHITEN = 0.5  # latents are components / deviation ** _WHITEN: 0 leaves them, 1 makes all equal
_STEADY = 3.0  # strength of the constant pair that keeps the last norm from following the contrast


@torch.no_grad()
def set_patch_encoder(autoencoder: AutoencoderKL, pictures: Tensor) -> None:
    """Make the encoder the principal components of pictures.

    Args:
        autoencoder: Three halvings, one group in its norms; the encoder's last layer scales
            latents to unit deviation.
        pictures: [N, 3, H, W] in [-1, 1], sides multiples of 8.
    """
    encoder = autoencoder.encoder
    for module in encoder.modules():
        if isinstance(module, ResnetBlock2D):
            _pass_through(module)
    _set_taps(encoder.conv_in, torch.eye(3)[..., None, None])
    signal = pictures
    for block in list(encoder.down_blocks)[:-1]:
        convolution = block.downsamplers[0].conv
        signal = _fold(convolution, signal)
    kept = autoencoder.config.latent_channels
    _pair(encoder, signal, kept)
    _set_taps(autoencoder.quant_conv, torch.eye(2 * kept)[..., None, None])
    latents = autoencoder.encode(pictures[:: max(1, len(pictures) // 64)]).latent_dist.mean
    autoencoder.quant_conv.weight[:kept] /= latents.std()


def _pass_through(block: ResnetBlock2D) -> None:
    """Make a residual block the identity, widened with empty channels where it widens."""
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    if block.conv_shortcut is not None:
        wider, narrower = block.conv_shortcut.weight.shape[:2]
        _set_taps(block.conv_shortcut, torch.eye(wider, narrower)[..., None, None])


def _set_taps(convolution: nn.Module, taps: Tensor) -> None:
    """Zero a convolution but for weights [out, in, k, k]: central if 1 x 1, else from a corner."""
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    rows, columns, size, _ = taps.shape
    first = convolution.kernel_size[0] // 2 if size == 1 else 0
    place = slice(first, first + size)
    convolution.weight[:rows, :columns, place, place] = taps


def _fold(convolution: nn.Conv2d, signal: Tensor) -> Tensor:
    """Make a strided convolution keep the strongest directions of 2 x 2 cells [N, C, H, W]."""
    cells = F.pixel_unshuffle(signal, 2)
    directions = _principal(cells)[:, : convolution.out_channels].T  # [kept, 4 C]
    kept, channels = len(directions), signal.shape[1]
    _set_taps(convolution, directions.reshape(kept, channels, 2, 2))
    return torch.einsum("kc,nchw->nkhw", directions, cells)


def _principal(signal: Tensor) -> Tensor:
    """Directions [C, C] of a signal [N, C, h, w] by falling power, in columns."""
    flat = signal.transpose(0, 1).flatten(1).double()
    vectors: Tensor = torch.linalg.eigh(flat @ flat.T / flat.shape[1]).eigenvectors
    return vectors.flip(1).float()


def _pair(encoder: Encoder, signal: Tensor, kept: int) -> None:
    """Send the strongest components through the last norm and SiLU as pairs (x, -x)."""
    shortcut = encoder.down_blocks[-1].resnets[0].conv_shortcut
    width = shortcut.out_channels
    half = width // 2
    rows = torch.zeros(width, shortcut.in_channels)
    rows[:kept, :kept] = torch.eye(kept)
    rows[half : half + kept, :kept] = -torch.eye(kept)
    _set_taps(shortcut, rows[..., None, None])
    power = signal[:, :kept].square().mean((0, 2, 3))  # [kept]
    constant = _STEADY * float((power.sum()).sqrt())
    shortcut.bias[half - 1], shortcut.bias[width - 1] = constant, -constant
    norm_deviation = ((2 * power.sum() + 2 * constant**2) / width).sqrt()
    gain = norm_deviation / power.sqrt() ** _WHITEN
    out = torch.zeros(2 * kept, width)
    out[:kept, :kept] = torch.diag(gain)
    out[:kept, half : half + kept] = -torch.diag(gain)
    _set_taps(encoder.conv_out, out[..., None, None])
    encoder.conv_out.bias[kept:] = _LOG_VARIANCE


@dataclass(frozen=True)
class Trunk:
    """An encoder's layers before the last norm, as one strided convolution.

    Attributes:
        weight: [C, 3, 8, 8].
        bias: [C].
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        """Image [B, 3, H, W] -> signal [B, C, H / 8, W / 8]."""
        return F.conv2d(image, self.weight, self.bias, stride=self.weight.shape[-1])


@torch.no_grad()
def fold_trunk(autoencoder: AutoencoderKL) -> Trunk | None:
    """What an encoder does before its last norm, some seventy times cheaper.

    Returns:
        None where the encoder was not set by `set_patch_encoder`: its residual blocks do something.
    """
    encoder = autoencoder.encoder
    if any(_does_something(module) for module in encoder.modules()):
        return None
    side = 1 << (len(encoder.down_blocks) - 1)
    taps = torch.eye(3 * side**2, device=encoder.conv_in.weight.device)
    impulses = taps.view(-1, 3, side, side)
    still = _run_trunk(encoder, torch.zeros_like(impulses[:1])).flatten()  # [C]
    answers = _run_trunk(encoder, impulses)[..., 0, 0] - still  # [3 side**2, C]
    return Trunk(answers.T.reshape(-1, 3, side, side).contiguous(), still)


def _does_something(module: nn.Module) -> bool:
    """Whether a layer is more than linear: a residual block at work, or attention."""
    if isinstance(module, ResnetBlock2D):
        return bool(module.conv2.weight.any() or module.conv2.bias.any())
    return isinstance(module, Attention)


def _run_trunk(encoder: Encoder, image: Tensor) -> Tensor:
    signal = encoder.conv_in(image)
    for block in encoder.down_blocks:
        signal = block(signal)
    middle: Tensor = encoder.mid_block(signal)
    return middle
