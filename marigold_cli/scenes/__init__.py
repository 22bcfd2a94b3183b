"""Random scenes with exact depth, from a seed, on any device.

What stands where: sample props · what it looks like: materials · geometry: shapes camera · the
picture: render.
"""
