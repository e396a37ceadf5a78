"""One table of what is known of each activation; everything else reads it.

CS231n, Training Neural Networks I, activation functions. What the columns mean:

* *zero-centred*: the mean of f(z) over unit gaussian z is below a tenth of its standard deviation.
* *saturates*: the inputs below and above which |f'| stays under 5 % of its largest value and goes on
  to 0. A leaky ReLU doesn't saturate: its derivative stays at its slope.
* *units can die*: f' is exactly 0 on a half line, so that a unit pushed there for every example
  gets no gradient and never comes back.
* *gain*: 1 / sqrt(E[f(z)^2]) over unit gaussian z: the factor on 1/sqrt(fan_in) that keeps the second
  moment of what a layer sees the same through depth (He et al. 2015, for any f).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..errors import RecipeError, did_you_mean
from .maxout import MaxPieces, maxout_gain

INF = math.inf
Bound = float | None


@dataclass(frozen=True)
class Activation:
    """What is known of one activation; see the head of this file for what the columns mean."""

    name: str
    module: Callable[..., nn.Module]
    low: float
    high: float
    zero_centred: bool
    saturates: tuple[Bound, Bound]
    units_can_die: bool
    gain: float
    init: str = "he"
    parameters: str = "none"
    cost: str = "one comparison"
    section: str = ""
    offered: bool = True  # a recipe may ask for it; the others are only recognised
    monotone: bool = True
    of_instance: Callable[[Any], dict[str, Any]] = lambda module: {}  # what the module's arguments change

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain JSON values; a bound that doesn't exist is None."""
        low, high = self.saturates
        return {
            "name": self.name,
            "range": [_finite(self.low), _finite(self.high)],
            "zero_centred": self.zero_centred,
            "can_die": self.units_can_die,
            "saturates": {"input": [low, high], "output": self.saturated_outputs},
            "gain": self.gain,
        }

    @property
    def saturated_outputs(self) -> list[Bound]:
        """Outputs below and above which a unit is saturated, where the output tells (f monotone)."""
        if not self.monotone or self.name not in _VALUE:
            return [None, None]
        value = _VALUE[self.name]
        return [None if bound is None else value(bound, self) for bound in self.saturates]


def _finite(value: float) -> Bound:
    return value if math.isfinite(value) else None


def _leaky(slope: float) -> dict[str, Any]:
    gain = math.sqrt(2 / (1 + slope * slope))
    if slope == 0:
        return {"low": 0.0, "saturates": (0.0, None), "units_can_die": True, "gain": gain}
    return {"gain": gain, "low": -INF if slope > 0 else 0.0, "monotone": slope > 0}


def _prelu(module: nn.PReLU) -> dict[str, Any]:
    return {"gain": math.sqrt(2 / (1 + module.init**2))}  # its slope at the start, wherever it has moved to


def _elu(module: nn.ELU) -> dict[str, Any]:
    if module.alpha <= 0:
        return {}
    end = min(0.0, math.log(0.05 * max(1.0, 1 / module.alpha)))
    return {"low": -module.alpha, "saturates": (end, None), **_exponential_tail(module.alpha, 1.0)}


def _celu(module: nn.CELU) -> dict[str, Any]:
    alpha = module.alpha
    return {"low": -alpha, "saturates": (alpha * ELU_END, None), **_exponential_tail(alpha, 1 / alpha)}


def _exponential_tail(alpha: float, t: float) -> dict[str, Any]:
    """Gain and centre of z for z > 0 and alpha (exp(t z) - 1) below, in closed form."""
    one = math.exp(t * t / 2) * math.erfc(t / math.sqrt(2)) / 2
    two = math.exp(2 * t * t) * math.erfc(2 * t / math.sqrt(2)) / 2
    mean = 1 / math.sqrt(2 * math.pi) + alpha * (one - 0.5)
    square = 0.5 + alpha * alpha * (two - 2 * one + 0.5)
    return {"gain": square**-0.5, "zero_centred": abs(mean) < 0.1 * math.sqrt(square - mean * mean)}


def _gelu(module: nn.GELU) -> dict[str, Any]:
    return {"low": -0.170041, "saturates": (-2.28570, None)} if module.approximate == "tanh" else {}


def _softplus(module: nn.Softplus) -> dict[str, Any]:
    return {"saturates": (-LOG19 / module.beta, None)}


def _hardtanh(module: nn.Hardtanh) -> dict[str, Any]:
    low, high = float(module.min_val), float(module.max_val)
    return {"low": low, "high": high, "saturates": (low, high), "zero_centred": low == -high}


def _max_pieces(module: MaxPieces) -> dict[str, Any]:
    return {"gain": maxout_gain(module.pieces)}


LOG19 = math.log(19)  # where a sigmoid falls under 0.05, the derivative of softplus
SIGMOID_END = math.log((1 + math.sqrt(0.95)) / (1 - math.sqrt(0.95)))
TANH_END = math.atanh(math.sqrt(0.95))
ELU_END = math.log(0.05)
SELU_LOW = -1.0507009873554805 * 1.6732632423543772
EXP = "one exponential"
LECTURE = "CS231n, Training Neural Networks I, activation functions"

_A = Activation
TABLE: tuple[Activation, ...] = (
    _A("sigmoid", nn.Sigmoid, 0, 1, False, (-SIGMOID_END, SIGMOID_END), False, 1.846229, "xavier",
       cost=EXP, section=f"{LECTURE}: sigmoid"),
    _A("tanh", nn.Tanh, -1, 1, True, (-TANH_END, TANH_END), False, 1.592537, "xavier",
       cost=EXP, section=f"{LECTURE}: tanh"),
    _A("relu", nn.ReLU, 0, INF, False, (0.0, None), True, math.sqrt(2), section=f"{LECTURE}: ReLU"),
    _A("leaky_relu", nn.LeakyReLU, -INF, INF, False, (None, None), False, math.sqrt(2 / 1.0001),
       section=f"{LECTURE}: leaky ReLU", of_instance=lambda module: _leaky(module.negative_slope)),
    _A("prelu", nn.PReLU, -INF, INF, False, (None, None), False, math.sqrt(2 / 1.0625),
       parameters="one slope a layer", section=f"{LECTURE}: PReLU", of_instance=_prelu),
    _A("elu", nn.ELU, -1, INF, False, (ELU_END, None), False, 1.245198,
       cost=EXP, section=f"{LECTURE}: ELU", of_instance=_elu),
    _A("maxout", MaxPieces, -INF, INF, False, (None, None), False, 1.0,
       parameters="weights and biases times the pieces", cost="as many matrix products as pieces, in one",
       section=f"{LECTURE}: Maxout", of_instance=_max_pieces),
    _A("gelu", nn.GELU, -0.169971, INF, False, (-2.27856, None), False, 1.533530,
       cost="one error function", section="Hendrycks & Gimpel 2016", monotone=False, of_instance=_gelu),
    _A("silu", nn.SiLU, -0.278465, INF, False, (-3.92989, None), False, 1.676532,
       cost=EXP, section="Elfwing et al. 2017; Ramachandran et al. 2017 (Swish)", monotone=False),
    _A("selu", nn.SELU, SELU_LOW, INF, True, (ELU_END, None), False, 1.0, "lecun",
       cost=EXP, section="Klambauer et al. 2017"),
    _A("softplus", nn.Softplus, 0, INF, False, (-LOG19, None), False, 1.041867,
       cost="one exponential and one logarithm", section="Dugas et al. 2001", of_instance=_softplus),
    # recognised in other people's networks
    _A("relu6", nn.ReLU6, 0, 6, False, (0.0, 6.0), True, 1.414214, offered=False, of_instance=_hardtanh),
    _A("hardtanh", nn.Hardtanh, -1, 1, True, (-1.0, 1.0), True, 1.392036, offered=False, of_instance=_hardtanh),
    _A("hardsigmoid", nn.Hardsigmoid, 0, 1, False, (-3.0, 3.0), True, 1.897840, offered=False),
    _A("hardswish", nn.Hardswish, -0.375, INF, False, (-3.0, None), True, 1.736657, offered=False, monotone=False),
    _A("mish", nn.Mish, -0.308843, INF, False, (-3.98125, None), False, 1.486848, offered=False, monotone=False),
    _A("celu", nn.CELU, -1, INF, False, (ELU_END, None), False, 1.245198, offered=False, of_instance=_celu),
    _A("rrelu", nn.RReLU, -INF, INF, False, (None, None), False, 1.378480, offered=False),
    _A("softsign", nn.Softsign, -1, 1, True, (1 - math.sqrt(20), math.sqrt(20) - 1), False, 2.337533, offered=False),
    _A("logsigmoid", nn.LogSigmoid, -INF, 0, False, (None, LOG19), False, 1.041867, offered=False),
    _A("tanhshrink", nn.Tanhshrink, -INF, INF, True, (None, None), False, 2.338368, offered=False),
    _A("softshrink", nn.Softshrink, -INF, INF, True, (None, None), False, 1.544360, offered=False),
    _A("hardshrink", nn.Hardshrink, -INF, INF, True, (None, None), False, 1.015797, offered=False),
    _A("threshold", nn.Threshold, -INF, INF, False, (None, None), True, 1.0, offered=False,
       of_instance=lambda module: {"low": float(min(module.threshold, module.value)),
                                   "saturates": (float(module.threshold), None)}),
    _A("glu", nn.GLU, -INF, INF, True, (None, None), False, 1.0, offered=False),
    _A("softmax", nn.Softmax, 0, 1, False, (None, None), False, 1.0, offered=False),
    _A("softmax", nn.Softmax2d, 0, 1, False, (None, None), False, 1.0, offered=False),
    _A("softmin", nn.Softmin, 0, 1, False, (None, None), False, 1.0, offered=False),
    _A("log_softmax", nn.LogSoftmax, -INF, 0, False, (None, None), False, 1.0, offered=False),
)  # fmt: skip

ACTIVATIONS: dict[str, Activation] = {row.name: row for row in TABLE if row.offered}
"""The activations that a recipe may ask for, by name."""

_BY_TYPE = {row.module: row for row in TABLE}


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# f at the bounds where it saturates; alpha of ELU and CELU is minus their lower end
_VALUE: dict[str, Callable[[float, Activation], float]] = {
    "sigmoid": lambda x, row: _sigmoid(x),
    "tanh": lambda x, row: math.tanh(x),
    "relu": lambda x, row: 0.0,
    "leaky_relu": lambda x, row: 0.0,  # only with slope 0, when it is a ReLU
    "relu6": lambda x, row: x,
    "hardtanh": lambda x, row: x,
    "hardsigmoid": lambda x, row: 0.0 if x < 0 else 1.0,
    "elu": lambda x, row: -row.low * math.expm1(x),
    "celu": lambda x, row: -row.low * math.expm1(x / -row.low),
    "selu": lambda x, row: -row.low * math.expm1(x),
    "softplus": lambda x, row: -math.log(0.95) * (x / -LOG19),
    "softsign": lambda x, row: x / (1 + abs(x)),
    "logsigmoid": lambda x, row: math.log(0.95),
}


def activation(name: str, *, pieces: int = 2, dim: int = 1) -> nn.Module:
    """A new activation module by its name in a recipe; `pieces` and `dim` are maxout's.

    Maxout takes `pieces` times as many channels as it gives (see `widening`).

    Raises:
        RecipeError: no such activation.

    Examples:
        >>> activation("leaky_relu")
        LeakyReLU(negative_slope=0.01)
        >>> activation("maxout", pieces=3)
        MaxPieces(pieces=3, dim=1)
        >>> activation("rely")
        Traceback (most recent call last):
        babysit.errors.RecipeError: activation has no 'rely' (did you mean relu or prelu?)
    """
    row = named(name)
    return MaxPieces(pieces, dim) if row.module is MaxPieces else row.module()


def named(name: str) -> Activation:
    """The table's row of an activation that a recipe may ask for."""
    if name not in ACTIVATIONS:
        raise RecipeError(f"activation has no {name!r}{did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def widening(name: str, pieces: int) -> int:
    """How many channels the layer before an activation must make for each of its units."""
    return pieces if named(name).module is MaxPieces else 1


def row_of(module: nn.Module) -> Activation | None:
    """The table's row of a module, corrected by its own arguments; None where it is no activation.

    Examples:
        >>> row_of(nn.Hardtanh(-2, 2)).saturates
        (-2.0, 2.0)
    """
    row = next((_BY_TYPE[cls] for cls in type(module).__mro__ if cls in _BY_TYPE), None)
    return None if row is None else dataclasses.replace(row, **row.of_instance(module))
