"""Which solid each pixel sees: solids are met with the picture's tiles that they may cover.

Every pair of a solid and a tile is one column of a few wide tensors, whatever its scene: the same
steps serve one scene in a processor's cache and hundreds on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marigold_cli.scenes.solids import Sights, Solids, is_leaf, quadrics, slabs

FAR = 1e6  # [m]; nothing was met
NEAR = 0.02  # [m]
TILE = 8  # [px]
CHUNK = {"cpu": 256}  # pairs at once: what fits into a core's cache
_EDGES = [(i, i | bit) for bit in (1, 2, 4) for i in range(8) if not i & bit]


@dataclass(frozen=True)
class _Grid:
    """The tiles of a batch of pictures."""

    pictures: int
    height: int
    width: int

    @property
    def rows(self) -> int:
        return -(-self.height // TILE)

    @property
    def columns(self) -> int:
        return -(-self.width // TILE)

    @property
    def tiles(self) -> int:
        return self.pictures * self.rows * self.columns


@dataclass(frozen=True)
class _Pairs:
    """Solids and the tiles that they may cover, [P] each."""

    solid: Tensor
    tile: Tensor  # over all pictures
    x: Tensor  # centre of the tile's first pixel in the picture plane
    y: Tensor

    def part(self, chosen: slice | Tensor) -> _Pairs:
        return _Pairs(*(value[chosen] for value in vars(self).values()))


def cast(
    solids: Solids, sights: Sights, pictures: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Find what the pixels of a batch of pictures see.

    Args:
        solids: What there is to see.
        sights: The same as seen by the camera of their picture.
        pictures: How many there are.
        size: Height and width [px].

    Returns:
        z-depth [B, H, W] in metres (FAR where nothing is met) and the index of the solid.
    """
    grid = _Grid(pictures, *size)
    pairs = _pair(sights, solids.scene, grid)
    device = solids.scene.device
    nothing = int(torch.tensor(FAR).view(torch.int32)) << 32
    nearest = torch.full((TILE * TILE * grid.tiles,), nothing, dtype=torch.int64, device=device)
    pixel = torch.arange(TILE * TILE, device=device)[:, None] * grid.tiles
    kind = ((solids.quadric[:, 0] != 0).int() + solids.porous.int())[pairs.solid]
    for number, meet in enumerate((_meet_boxes, _meet_round, _meet_porous)):
        group = pairs.part((kind == number).nonzero()[:, 0])
        step = CHUNK.get(device.type, 1 << 16)
        for first in range(0, len(group.solid), step):
            some = group.part(slice(first, first + step))
            depth = meet(sights.pick(some.solid), some, grid).view(TILE * TILE, -1)
            key = depth.view(torch.int32).long().bitwise_left_shift_(32).add_(some.solid)
            place = (pixel + some.tile).view(-1)
            nearest.scatter_reduce_(0, place, key.view(-1), "amin")
    nearest = _assemble(nearest, grid)
    depth = (nearest >> 32).int().view(torch.float32)
    return depth, nearest & 0xFFFFFFFF


def _assemble(values: Tensor, grid: _Grid) -> Tensor:
    """Tiles to pictures, [B, H, W]."""
    tiles = values.view(TILE, TILE, grid.pictures, grid.rows, grid.columns)
    whole = tiles.permute(2, 3, 0, 4, 1).reshape(grid.pictures, grid.rows * TILE, -1)
    return whole[:, : grid.height, : grid.width].contiguous()


def _pair(sights: Sights, scene: Tensor, grid: _Grid) -> _Pairs:
    left, right, low, high = _bounds(sights)
    aspect = grid.height / grid.width

    def tiles(value: Tensor, pixels: int, last: int) -> Tensor:
        return ((value + 1) * (pixels / 2 / TILE)).floor().clamp(-1, last + 1).long()

    first_column = tiles(left, grid.width, grid.columns - 1).clamp_min(0)
    last_column = tiles(right, grid.width, grid.columns - 1).clamp_max(grid.columns - 1)
    first_row = tiles(-high / aspect, grid.height, grid.rows - 1).clamp_min(0)
    last_row = tiles(-low / aspect, grid.height, grid.rows - 1).clamp_max(grid.rows - 1)
    across = (last_column - first_column + 1).clamp_min(0)
    count = across * (last_row - first_row + 1).clamp_min(0)
    solid = torch.arange(len(count), device=count.device).repeat_interleave(count)
    rank = torch.arange(len(solid), device=count.device) - (count.cumsum(0) - count)[solid]
    row = first_row[solid] + rank // across[solid]
    column = first_column[solid] + rank % across[solid]
    tile = (scene[solid] * grid.rows + row) * grid.columns + column
    x = (column * TILE + 0.5) * (2 / grid.width) - 1
    y = (1 - (row * TILE + 0.5) * (2 / grid.height)) * aspect
    return _Pairs(solid, tile, x, y)


def _bounds(sights: Sights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, right, lowest and highest point of each solid's box in the picture plane, [N] each."""
    reach = sights.axes * sights.half.square()  # [camera axis, own axis, N]
    signs = torch.tensor(
        [[1 if i & bit else -1 for i in range(8)] for bit in (1, 2, 4)],
        dtype=reach.dtype,
        device=reach.device,
    )
    corners = sights.centre[:, None] + torch.einsum("aon,oc->acn", reach, signs)
    a, b = (corners[:, list(ends)] for ends in zip(*_EDGES, strict=True))
    cut = (NEAR - a[2]) / (b[2] - a[2])  # where an edge comes through the near plane
    crossings = torch.lerp(a, b, cut.nan_to_num(-1.0)[None])
    seen = torch.cat((corners[2] >= NEAR, (cut > 0) & (cut < 1)))
    x, y, z = torch.cat((corners, crossings), 1)
    scale = sights.width + (z - sights.centre[2]) * sights.spread
    x, y = x / scale, y / scale

    def least(value: Tensor) -> Tensor:
        return torch.where(seen, value, torch.inf).amin(0)

    return least(x), -least(-x), least(y), -least(-y)


def _rays(sights: Sights, pairs: _Pairs, grid: _Grid) -> tuple[Tensor, Tensor]:
    """Start and direction of rays in the unit frames, [3, TILE, TILE, P] each."""
    pixel = torch.arange(TILE, device=pairs.x.device)[:, None] * (2 / grid.width)
    x, y = pairs.x, pairs.y - pixel
    right, up, forward = sights.axes
    upright = y * up[:, None]  # [3, TILE, P]
    aside, offset = pixel * right[:, None], (x * right)[:, None]
    row = upright + offset
    start = torch.addcmul(sights.start[:, None], sights.width, row)[:, :, None]
    along = torch.addcmul(forward[:, None], sights.spread, row).add_(1e-20)[:, :, None]
    start = start + (sights.width * aside)[:, None]
    return start, along + (sights.spread * aside)[:, None]


def _first(sights: Sights, enter: Tensor, leave: Tensor) -> Tensor:
    """Depth of the near side, or of the far side of hollow solids; FAR where there is none."""
    depth = torch.where(sights.hollow, leave, enter).add_(sights.centre[2])
    return torch.where((enter < leave) & (depth > NEAR), depth, FAR)


def _meet_boxes(sights: Sights, pairs: _Pairs, grid: _Grid) -> Tensor:
    return _first(sights, *slabs(*_rays(sights, pairs, grid)))


def _meet_round(sights: Sights, pairs: _Pairs, grid: _Grid) -> Tensor:
    start, along = _rays(sights, pairs, grid)
    enter, leave = quadrics(sights.quadric[:, None, None], start, along)
    front, back = slabs(start, along)
    return _first(sights, torch.maximum(enter, front), torch.minimum(leave, back))


def _meet_porous(sights: Sights, pairs: _Pairs, grid: _Grid) -> Tensor:
    """The near skin where it has leaves, else the far skin where that has some."""
    start, along = _rays(sights, pairs, grid)
    enter, leave = quadrics(sights.quadric[:, None, None], start, along)
    near, far = (
        torch.where((depth > NEAR) & is_leaf(start + t * along), depth, FAR)
        for t, depth in ((t, t + sights.centre[2]) for t in (enter, leave))
    )
    return torch.minimum(near, far)
