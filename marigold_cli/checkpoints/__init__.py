"""From a name to a model on a device, without running anybody's code on the way.

find      published (names), cache (the hub's folder), resolve (name -> place -> card)
judge     snapshot (an untrusted folder), weights, manifest and feedforward (what it holds, and if
          all is there), identity (what it is the same as), card and describe (how it is used),
          pipelines (what it predicts), intrinsics (which images a decomposition gives), scores (how
          good it was found)
load      cpu, precision and device (how exact and where), load (card -> networks), capacity (how
          much at a time), predictor (what a run asks)
get       needed (which files), hub (listing and downloading)
"""

from __future__ import annotations

import os

# diffusers reads this once, when it is first imported; so it is set before any module of ours
# can import it. A second bolt only: no loader here ever asks for remote code.
os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"
