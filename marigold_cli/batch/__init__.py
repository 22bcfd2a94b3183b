"""A run over many photos: what is to be done, doing it, and the journal that remembers it.

ask       options (what may be asked), shard (a part of the photos), settings (what of it binds a
          folder), versions (of what computes)
remember  records (what the journal says), fields and lines (its JSON), journal (writing and
          reading), state (their fold), folder (the output folder), lock (who is at work there)
plan      plan (which photos, and why), decision (what becomes of each), planner (making it)
work      predictor (what is known of models), stages (one photo), groups (several), ahead and
          beside (threads), claims (who takes which photo), pipeline (one worker), shift (one go
          at a plan), solo (one worker does all), signals (stopping in order), watchdog (ending
          what hangs), runner (a run from end to end)
together  head (leading several workers), worker (being one), line and wire (what they say),
          parts (photos whose members several make)
tell      progress (events), tally (of them, for displays), outcome (what they come to), failure
          and summary (what came of it), verify (what is in a folder afterwards)
"""
