"""Photorealistic pictures with exact depth to train on, composed and rendered by seed.

plan      plan, placement, supports
shapes    solids, facades, vehicles, figures, plants, pots, terrain
picture   views, exposure, scene (what a maker of places gives back), pictures, keeper, limits
Blender   stage, paints, taming, materials, catalogue, generators, books, props, lights
places    rooms, furniture, interiors, closeups, outdoors, streets, squares, gardens, makers
work      shots, compose, worker

Runs in an environment of its own that has infinigen and Blender (bpy), which the first three lines
do without; the installed package imports nothing of it.
"""
