"""Questions before training, and remedies that are proven: the verbs `check` and `cure`.

proof      are the scores after an edit better than before, and by more than noise?
score      what a training came to, from what its criterion really got
seeds      the same program with other seeds
attempt    one program run once in a process of its own, with an edit, measured
plan       which edits to try, from the findings
cure       the whole procedure: watch, screen, prove
source     a proven edit as a change of the user's own file
"""
