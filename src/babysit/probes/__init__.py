"""What is measured: one file = one probe, a pure function from the tensors of one site to a few numbers.

A probe never changes, keeps or synchronises what it is given: it returns a tensor on the same device,
one value for each reading it gives. The watcher calls it without gradients, on observed steps only.

| site | the function gets | it returns |
|---|---|---|
| `activation` | `x` of shape (N, …), floating point; `axis`, the axis of the units; `facts` of the module | () or (readings,) |
| `activation_gradient` | the same, for the gradient with respect to the module's output | () or (readings,) |
| `norm` | `x`, the input of shape (N, C, …), the `module`, and how many values it averages per channel | () or (readings,) |
| `weight`, `gradient` | `xs`, P tensors at once | (P,) or (readings, P) |
| `update` | `before` and `after`, P tensors each | (P,) or (readings, P) |
| `batch` | `x` of shape (N, …), floating point | () or (readings,) |
| `output` | `x`, the criterion's input, and `target` | () or (readings,) |

To add one: a file here (or an entry point "babysit.probes", or `watch(…, probes=[…])`) with

    @probe("activation", gives="activation.zeros", of="activation")
    def activation_zeros(x, axis, facts):
        '''Share of exact zeros (0..1).'''
        return (x == 0).float().mean()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SITES = ("activation", "activation_gradient", "norm", "weight", "gradient", "update", "batch", "output")


@dataclass(frozen=True)
class Probe:
    """What is measured at one site.

    Attributes:
        name: of the probe, its function's.
        site: one of SITES.
        gives: the readings, in the order of the values.
        of: roles, or names of activations, that it is taken of; empty for every one.
        examples: when > 0 the function gives one flag for each unit (bool), which are combined with
            "or" until so many examples were seen; the share of the others is the reading.
        finish: the function gives sums; this makes the readings of them, on the host: (floats, shape of x) -> floats.
        whole: it needs every element; others may get an evenly spaced sample of the examples.
        rare: it is costly or changes slowly: taken at the start and now and then.
    """

    name: str
    function: Callable[..., Any]
    site: str
    gives: tuple[str, ...]
    of: tuple[str, ...] = ()
    examples: int = 0
    whole: bool = False
    rare: bool = False
    finish: Callable[[Sequence[float], Sequence[int]], list[float]] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def fits(self, facts: dict[str, Any]) -> bool:
        """Is it taken of a module with these facts?"""
        if not self.of:
            return True
        activation = facts.get("activation") or {}
        return facts.get("role") in self.of or activation.get("name") in self.of


def probe(
    site: str,
    *,
    gives: str | tuple[str, ...],
    of: str | tuple[str, ...] = (),
    examples: int = 0,
    whole: bool = False,
    rare: bool = False,
    finish: Callable[[Sequence[float], Sequence[int]], list[float]] | None = None,
) -> Callable[[Callable[..., Any]], Probe]:
    """Make a probe of a function; see the table above for what each site hands over."""
    if site not in SITES:
        raise ValueError(f"site must be one of {', '.join(SITES)}, but is {site!r}")
    gives = (gives,) if isinstance(gives, str) else tuple(gives)
    of = (of,) if isinstance(of, str) else tuple(of)

    def make(function: Callable[..., Any]) -> Probe:
        made = Probe(function.__name__, function, site, gives, of, examples, whole, rare, finish)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return make
