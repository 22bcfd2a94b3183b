"""Depth and normals against what was measured: tables of the papers and of one's own pictures.

ask        options (what may be asked)
read       layouts (where a published set keeps its files), normals_sets (those with normals),
           folders (one's own pairs), point_pairs (DA-2K), depth_files (one file of truth),
           protocols (crops, caps and sizes of each set), datasets (all of that as one value)
predict    staging (a set's pictures as a folder for a run), cost (what a run took),
           predictions (what a run wrote), baselines (what needs no picture)
measure    alignment (into the truth's unit), comparison (a prediction beside its truth), measure
           (scores of every picture)
tell       tables (CSV, JSON, Markdown), sheet (pictures, worst first), published (the papers')

Metrics themselves are formulas of `marigold_cli.metrics`. Nothing here runs a model.
"""
