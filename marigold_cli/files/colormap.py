"""Colours for depth: 256-entry tables, from the first colour (near) to the last (far).

Spectral, the diverging scheme of Cynthia Brewer's ColorBrewer, is what Marigold's own pictures use.
Turbo is by Anton Mikhailov (Google, Apache-2.0); viridis and magma are by Stéfan van der Walt,
Nathaniel Smith and Eric Firing (CC0). Each is kept as a few control colours, which lie evenly on
the scale and are interpolated; that is within 1/255 of the published tables.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import UsageError

_CONTROL_COLOURS = {
    "spectral": "9e0142d53e4ff46d43fdae61fee08bffffbfe6f598abdda466c2a53288bd5e4fa2",
    "turbo": (
        "30123b36215f3b2f803f3e9c424bb54559cb4666dd4773eb4680f6458cfd4099ff38a5fb2fb2f4"
        "27bee91fc9dd1ad4d018ddc21ae4b622ebaa2ff19b3ff68a52fa7a65fd6979fe598bff4b9cfe40"
        "a9fb39b7f735c3f134d0ea34dbe236e5d938eecf3af5c53afaba39fdae35fea130fe932afc8423"
        "f9751df46617ef5811e84b0ce14109d83706ce2d04c32503b71d02a916019b0f018b09027a0403"
    ),
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a"
        "3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d"
        "20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac864"
        "65cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
    ),
    "magma": (
        "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a1079"
        "52137c5a167e6219806a1c81721f81792282812581892881912b81992d80a1307eaa337db2357b"
        "ba3878c23b75ca3e72d2426fd9466be04c67e75263ec5860f1605df4695cf7725cf97b5dfb8560"
        "fc8e64fd9869fea16efeaa74feb47bfebd82fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf"
    ),
    "gray": "000000ffffff",
}

COLORMAPS: tuple[str, ...] = tuple(_CONTROL_COLOURS)


@lru_cache
def palette(name: str) -> NDArray[np.uint8]:
    """The 256 colours of a map.

    Returns:
        uint8 [256, 3] sRGB, read-only.

    Raises:
        UsageError: a name that is not in COLORMAPS.
    """
    if name not in _CONTROL_COLOURS:
        raise UsageError(f"no colormap {name!r}; choose one of {', '.join(COLORMAPS)}")
    colours = np.frombuffer(bytes.fromhex(_CONTROL_COLOURS[name]), np.uint8).reshape(-1, 3)
    places = np.linspace(0, 255, len(colours))
    channels = [np.interp(np.arange(256), places, colours[:, channel]) for channel in range(3)]
    table = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.flags.writeable = False
    return table
