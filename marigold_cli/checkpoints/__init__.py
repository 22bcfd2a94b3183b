"""From a name to a model on a device, without running anybody's code on the way."""

from __future__ import annotations

import os

# diffusers reads this once, when it is first imported; so it is set before any module of ours
# can import it. A second bolt only: no loader here ever asks for remote code.
os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"
