"""A run over many photos: what is to be done, doing it, and the journal that remembers it.

ask       options (what may be asked), settings (what of it binds a folder)
plan      records (lines of the journal), journal (their fold), folder (the output folder),
          plan (which photos, and why), planner (making it)
work      predictor (what is known of models), stages (one photo), ahead (threads),
          pipeline (all photos), signals (stopping in order), runner (a run from end to end)
tell      progress (events and their tally), failure and summary (what came of it),
          verify (what is in a folder afterwards)
"""
