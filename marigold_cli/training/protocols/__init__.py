"""What is learned: each protocol holds its networks and turns a batch into one loss.

The interface is `protocol`; `autoencoder`, `marigold` and `end_to_end` are the three there are,
and `choose` makes the one that was asked for.
"""
