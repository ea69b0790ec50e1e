"""Everything that reads text from outside, fed with what nobody would write.

``targets.py`` says what each reader is given and what must hold; ``python -m tests.fuzz`` looks for
inputs with which it does not (atheris, ``pip install videoseg[fuzz]``). ``corpus/`` keeps those
that once did, named after the fault, what to begin with, and some of what was found on the way
(``found-...``); ``tests/hostile/test_fuzz.py`` replays them.
"""
