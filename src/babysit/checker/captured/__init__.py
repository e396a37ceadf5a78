"""A training as it really is, taken down while it starts, so that questions can be put to copies of it.

recording  listens to a program's first steps and takes each down as a tape
step       one such tape: the model's calls, the loss, the batch; played again on copies, with other rows or inputs
subject    all that was taken down: steps, models, optimizer, validation, what happened in what order
asking     the `train` that checks get: short trainings and looks at a subject
look_*     what is measured, by name: `train.look("inputs")`
"""
