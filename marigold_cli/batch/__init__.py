"""A run over many photos: what is to be done, doing it, and the journal that remembers it.

ask       options (what may be asked), shard (a part of the photos), settings (what of it binds a
          folder), differences (of two such), versions (of what computes)
remember  records (what the journal says of photos), runs (and of runs), fields and lines (its
          JSON), journal (writing and reading), state (their fold), folder (the output folder), lock
          (who is at work there)
plan      plan (which photos, and why), decision (what becomes of each), planner (making it)
work      predictor (what is known of models), opening (one of them), stages (one photo), groups
          (several), ahead and beside (threads), claims (who takes which photo), pipeline (one
          worker), shift (one go at a plan), solo (one worker does all), signals (stopping in
          order), watchdog (ending what hangs), runner (a run from end to end)
together  head (leading several workers), worker (being one), link and wire (what they say),
          parts (photos whose members several make)
tell      progress (events), tally (of them, for displays), outcome (what they come to), failure
          and summary (what came of it)
look      status (how far the runs in a folder came), verify (reading all of it again), outputs (on
          the disk against their records)

A run has a crew that does its jobs: this process alone, or several workers. The head of a run gives
workers their photos, hears of their deaths and ends the run; a leader is a head that works too. A
crew's shift is one go at a plan: when a worker has died, a new plan is made and a new shift begins.
A stint is what the journals tell of the last run over one shard; a party are those who may be in
an output folder together.
"""
