"""Random scenes with exact depth, from a seed, on any device.

words     scene
things    palette, things, furniture, figures, outdoors
places    rooms, tabletops, open_air, streets, nature, portraits, sample (any of them)
numbers   batch (the same as tensors)
shape     camera, solids, raster
looks     noise, textures, atlas, materials, light, photo
picture   render
"""
