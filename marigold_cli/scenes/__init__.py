"""Random scenes with exact depth, from a seed, on any device.

The words: scene · what there is: palette things furniture figures outdoors · compositions: rooms
tabletops open_air streets nature portraits sample · the same as tensors: batch · geometry: camera
solids raster · looks: noise textures atlas materials light photo · the picture: render.
"""
