"""Photorealistic pictures with exact depth to train on, composed and rendered by seed.

Runs in an environment of its own that has infinigen and Blender (bpy); the installed package
imports nothing of it. Without Blender: plan · placement supports · solids facades vehicles figures
plants terrain · views exposure · pictures keeper. In it: limits stage paints taming materials
catalogue generators books props lights · rooms furniture interiors closeups outdoors streets
squares gardens makers · shots compose worker.
"""
