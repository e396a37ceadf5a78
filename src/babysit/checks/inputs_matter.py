"""Real inputs do better than zeros."""

from __future__ import annotations

from ..record import Evidence, Recipe
from ..record.apart import apart
from ..record.remedies import INIT_HE, LOWER_LR
from . import Outcome, Train, check, look, sick
from ._words import failed, passed, unknown


@check(cost=2)
def inputs_matter(recipe: Recipe, train: Train) -> Outcome:
    """Does a short training on the real inputs do better than one on zeros?

    Why it matters: if zeros do as well, the network doesn't read its input: dead or saturated units, a gradient cut
    off, a normalization that removes what it should keep. The loss may fall all the same, to what the frequencies
    of the classes alone allow.

    Examples:
        >>> from babysit.testing import hand_written
        >>> reads = {"loss.real": 0.4, "loss.zeroed": 2.3, "loss.spread": 0.02, "output.between": 0.2}
        >>> inputs_matter(Recipe(), hand_written(zeroed=reads)).passed
        True
        >>> blind = {"loss.real": 2.3, "loss.zeroed": 2.3, "loss.spread": 0.02, "output.between": 1e-9}
        >>> inputs_matter(Recipe(), hand_written(zeroed=blind)).findings[0].id
        'output-ignores-input'

    Source:
        Karpathy 2019, "input-independent baseline".
    """
    run = look(train, "zeroed")
    pairs = list(
        zip(
            run.series("loss.real").values,
            run.series("loss.zeroed").values,
            run.series("loss.spread").values,
            strict=True,
        )
    )
    gains = [(zeroed - real, real, zeroed, spread) for real, zeroed, spread in pairs if real == real]
    if not gains:
        return unknown("lower than on zeros", "", "the loss was not finite at any of the learning rates tried")
    gain, real, zeroed, spread = max(gains)
    measured, on_zeros = apart(real, zeroed)
    expected = f"a loss below {on_zeros} (on zeros)"
    if gain > 2 * spread and gain > 1e-3 * abs(zeroed):
        return passed(expected, measured)
    between = run.last("output.between", default=1.0)
    if between > 1e-6:
        return unknown(
            expected, measured, "no clear difference in so few steps, though the outputs do differ between examples"
        )
    found = sick("output-ignores-input", f"Trained on zeros the loss is {on_zeros}, on the real inputs {measured}: the output does not depend on the input.",
                 evidence=(Evidence("loss.zeroed", "", 0, zeroed, f"above {measured}"), Evidence("output.between", "", 0, between, "above 0.001")), remedies=(INIT_HE, LOWER_LR))  # fmt: skip
    return failed(
        expected, measured, "the output does not depend on the input: look at init, activation and detach", found
    )
