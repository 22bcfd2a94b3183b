"""What Pillow reads: JPEG, also at reduced size, PNG up to 8 bits, AVIF, JPEG 2000, BMP.

The decoders are called by their classes, never through `Image.open`: its guess at the format would
take in EPS and others, and its own pixel limit warns or refuses what ours allows.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from marigold_cli.files import deep
from marigold_cli.files.orientation import orientation_of
from marigold_cli.files.raster import DecodePolicy, Pixels, Raster

_AS_THEY_ARE = ("L", "RGB", "CMYK")
_WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey with 16 significant bits


class _Jpeg(JpegImageFile):
    """A JPEG whose EXIF is left unparsed; Pillow would look for the dpi and warn of broken tags."""

    def _read_dpi_from_exif(self) -> None:
        pass


def read_jpeg(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a JPEG or the first picture of an MPO, reduced by the DCT where `policy` allows."""
    image = _Jpeg(BytesIO(data))
    width, height = image.size
    policy.admit(height, width)
    if (by := policy.reduction(height, width)) > 1:
        image.draft(None, (max(1, width // by), max(1, height // by)))
    return _finish(image, (height, width))


def read_png(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a PNG of at most 8 bits per channel."""
    return _read(PngImageFile(BytesIO(data)), policy)


def read_avif(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode the first frame of an AVIF; 10 and 12 bits come as 16."""
    image = AvifImageFile(BytesIO(data))
    if deep.avif_bits(data) == 8:
        return _read(image, policy)
    return _read(image, policy, lambda: deep.decode_avif(data))


def read_jpeg2000(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a JPEG 2000, container or bare codestream; 9 to 16 bits come as 16."""
    image = Jpeg2KImageFile(BytesIO(data))
    if deep.jpeg2000_bits(data) == 8:
        return _read(image, policy)
    return _read(image, policy, lambda: deep.decode_jpeg2000(data, policy))


def read_bmp(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a Windows bitmap."""
    return _read(BmpImageFile(BytesIO(data)), policy)


def _read(
    image: ImageFile, policy: DecodePolicy, decode: Callable[[], Pixels] | None = None
) -> Raster:
    """Take the header from Pillow, and the pixels too unless there is another way to them."""
    width, height = image.size
    policy.admit(height, width)
    return _finish(image, (height, width), decode)


def _finish(
    image: ImageFile, size: tuple[int, int], decode: Callable[[], Pixels] | None = None
) -> Raster:
    pixels = decode() if decode else _pixels(image)
    return Raster(
        pixels=pixels,
        size=size,
        orientation=orientation_of(image.info.get("exif", b""), _packet(image)),
        profile=image.info.get("icc_profile") or b"",
    )


def _packet(image: ImageFile) -> bytes:
    """The XMP packet; Pillow gives that of a PNG as text."""
    packet = image.info.get("xmp", b"")
    return packet.encode() if isinstance(packet, str) else packet


def _pixels(image: ImageFile) -> Pixels:
    image.load()  # PNG may hold its metadata behind the pixels
    if image.mode in _WIDE:
        wide: Pixels = np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
        return wide
    if image.has_transparency_data:
        return np.asarray(_over_white(image))
    if image.mode not in _AS_THEY_ARE:
        return np.asarray(image.convert("L" if image.mode == "1" else "RGB"))
    return np.asarray(image)


def _over_white(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white: `raster.over_white` at Pillow's speed, grey as grey."""
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    image = image.convert(f"{mode}A")
    alpha = image.getchannel("A")
    colours = image.convert(mode)
    if alpha.getextrema() == (255, 255):
        return colours
    page = Image.new(mode, image.size, "white")
    page.paste(colours, mask=alpha)
    return page
