"""Padding is read as if it were data."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..record import Evidence, Finding, Run
from ..record.remedies import advice
from . import found, rule
from ._network import modules, recent
from ._progress import READS, grade, progress
from ._words import percent

PACK = advice(
    "Let the recurrence end where each sequence ends",
    "packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)\n_, h = self.rnn(packed)",
)
LAST = advice(
    "Take the output at each sequence's own last position", "last = output[torch.arange(len(x)), lengths - 1]"
)


@rule(
    "batch.padding", "fact:modules", *READS, family="forward",
    explains=("loss-barely-changes", "underfitting", "labels-independent-of-inputs", "output-ignores-input", "vanishing-gradients",
        "learning-rate-too-low", "rank-collapse"),
)  # fmt: skip
def padding_as_data(run: Run, *, share: float = 0.2) -> Iterator[Finding]:
    """A recurrent layer reads through the padding, and what is used of it is its state after that.

    Why it matters: after ten steps of padding little is left of what came before. What the answer rests on is then
    how long the padding was.

    Usual causes: `output[:, -1]` or the last state of sequences that were padded to one length, without packing them.

    Told apart from: packed sequences, outputs that are used at every position or at each sequence's own last one, sequences that all end at the same place, and runs
    that do well on validation all the same (an info): a gated recurrence can learn to hold its state.

    Args:
        run: reads `batch.padding`, and the fact `modules`: a recurrent layer that gets (N, T, F), and whether what
            the next layer gets was taken at one place for all (`one_place`).
        share: share of positions that are padding, from which on it matters.

    Examples:
        >>> facts = {"modules": [{"name": "rnn", "kind": "GRU", "role": "recurrent", "batch_axis": 0, "shape_in": [32, 40, 8], "leaf": True},
        ...                      {"name": "head", "kind": "Linear", "role": "linear", "shape_in": [32, 16], "leaf": True, "one_place": True}]}
        >>> sick = Run.of({"batch.padding": {"0": [0.6] * 3}, "loss.train": [0.7] * 40}, facts=facts)
        >>> [finding.message for finding in padding_as_data(sick)]
        ['rnn (GRU) reads on through the padding, 60 % of its input, and only its last state is used: what came before the padding has faded there.']
        >>> list(padding_as_data(Run.of({"batch.padding": {"0": [0.6] * 3}, "loss.train": [0.7] * 40}, facts={"modules": [
        ...     {**facts["modules"][0], "shape_in": [510, 8]}, facts["modules"][1]]})))
        []

    Source:
        torch.nn.utils.rnn.pack_padded_sequence. The share is exact; the limit is a proposal.
    """
    padded = max(recent(run, "batch.padding", 5).values(), default=math.nan)
    if not padded > share:
        return
    leaves = [one for one in modules(run) if one.get("leaf") and one.get("shape_in")]
    for at, one in enumerate(leaves):
        shape = one["shape_in"]
        if one.get("role") != "recurrent" or one.get("batch_axis") != 0 or len(shape) != 3:
            continue
        after = next((other for other in leaves[at + 1 :] if other.get("role") == "linear"), {})
        if not after.get("one_place") or len(after["shape_in"]) != 2:
            continue
        now = progress(run)
        poor = now.unseen < 0.6  # whatever is known by heart
        yield found(
            severity="warning" if poor else grade(run, "warning"),
            stage="suspect",
            confidence=0.55 if poor and now.winning else 0.2 if now.winning else 0.75,
            where=one.get("name"),
            message=f"{one.get('name')} ({one.get('kind')}) reads on through the padding, {percent(padded)} of its input, and only its last state is used: "
            "what came before the padding has faded there.",
            evidence=[
                Evidence("batch.padding", "0", value=padded, expected=f"below {percent(share)}, or packed", limit=share)
            ],
            remedies=[PACK, LAST],
        )
        return
