"""Other people's training, watched and edited where it runs: one file = one host.

`script` runs an unchanged program; `lightning`, `huggingface` and `keras` are callbacks for those who prefer them
(their packages are imported only there); `edits` changes a running program for a while.

A host drives `babysit.watch`: it enters it before the training and closes it after. To add one: a file here (or an
entry point "babysit.hosts") with that framework's own callback or hook.
"""
