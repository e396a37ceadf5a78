"""What is known of a training besides its readings: its modules, parameters, optimizers and criteria, as plain JSON."""

from __future__ import annotations

import platform
import sys
from typing import Any

import torch

from .criteria import Criteria
from .models import Models, Parameter
from .order import Order

MOST = 2000


def modules(models: Models) -> list[dict[str, Any]]:
    """Called modules in the order of their first call, then those that were never called."""
    called = models.called
    ids = {id(site) for site in called}
    rest = [site for site in models.sites.values() if id(site) not in ids and site.root.trained]
    return [
        {
            "name": site.where,
            **site.facts,
            "parameters": [site.root.prefix + name for name in site.parameters],
            "shape_in": site.shape_in,
            "shape_out": site.shape_out,
            "calls": site.calls if site.order >= 0 else 0,
            "last": site.last,
            "model": site.root.name,
            "after": [one.where for one in site.after],
            "leaf": site.leaf,
            "batch_axis": _batch_axis(site),
            "one_place": site.one_place,
            "registered": site.registered,
            "functional": site.module is None,
        }
        for site in [*called, *rest][:MOST]
    ]


def _batch_axis(site: Any) -> int | None:
    """As long as its module lives it is asked for, then remembered."""
    module = site.module() if site.module is not None else None
    if module is not None:
        site.batch_axis = batch_axis(site.facts, module)
    return site.batch_axis


def _held_before(entry: Parameter, gone: set[str]) -> str | None:
    """Which optimizer held it, where that optimizer is no more."""
    old = (entry.row or {}).get("optimizer")
    return old if old is not None and old.partition(".")[0] in gone else None


def batch_axis(facts: dict[str, Any], module: Any) -> int | None:
    """The axis that a recurrent or attention layer takes for the batch, as it was built; None where it has none."""
    if facts.get("role") not in ("recurrent", "attention") or module is None:
        return None
    first = getattr(module, "batch_first", None)
    return None if first is None else int(not first)


def parameters(models: Models, order: Order) -> list[dict[str, Any]]:
    """Every parameter of every model that is trained."""
    held, gone = {}, set()
    for one in order.held:
        own = one.optimizer()
        if own is None:
            gone.add(str(one.index))
        for number, group in enumerate(own.param_groups if own is not None else ()):
            held.update((id(p), f"{one.index}.{number}") for p in group["params"])
    found = []
    for key, entry in list(models.parameters.items()):
        value = entry.value()
        if value is not None and (entry.root.trained or key in held):
            entry.row = {
                "name": entry.where,
                "shape": list(value.shape),
                "kind": entry.kind,
                "module": entry.root.prefix + entry.module,
                "requires_grad": value.requires_grad,
                "optimizer": held.get(key) or _held_before(entry, gone),
                "tied_to": entry.tied_to,
                "registered": entry.registered,
                "not_loaded": models.loaded.is_missing(value),
                "start": entry.start,
            }
        if entry.row is not None:
            found.append(entry.row)
    return found[:MOST]


def starts(models: Models) -> tuple[list[Parameter], torch.Tensor | None]:
    """(parameters whose start isn't known yet, frozen ones too, their (mean, std, min, max) as one tensor)."""
    known = [(one, one.value()) for one in models.parameters.values() if one.start is None]
    new = [(e, v) for e, v in known if v is not None and v.is_floating_point() and v.numel()][:512]
    rows, entries = [], []
    for entry, value in new:
        flat = value.detach().reshape(-1)
        flat = flat[:: max(1, flat.numel() // 65_536)].float()
        std, mean = torch.std_mean(flat, correction=0)
        rows.append(
            torch.stack([mean, std, *torch.aminmax(flat)]).cpu()
            if _mixed(new)
            else torch.stack([mean, std, *torch.aminmax(flat)])
        )
        entries.append(entry)
    return entries, torch.stack(rows) if rows else None


def _mixed(rows: list[Any]) -> bool:
    return len({value.device for _, value in rows}) > 1


def optimizers(models: Models, order: Order) -> list[dict[str, Any]]:
    """Every optimizer seen."""
    found = []
    for one in order.held:
        own = one.optimizer()
        if own is not None:
            all_of = [p for group in own.param_groups for p in group["params"]]
            one.row = {
                "index": one.index,
                "kind": type(own).__name__ if one.source != "by hand" else "by hand",
                "groups": [_group(group) for group in own.param_groups][:64],
                "foreign": sum(models.parameter(p) is None for p in all_of),
                "source": one.source if one.source != "by hand" else None,
            }
        if one.row is not None:
            found.append(one.row)
    return found


def _group(group: dict[str, Any]) -> dict[str, Any]:
    plain = {
        key: _plain(group[key])
        for key in ("lr", "weight_decay", "momentum", "betas", "eps", "nesterov", "maximize")
        if key in group
    }
    return {**plain, "parameters": len(group["params"])}


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return float(value)
    return [float(one) for one in value] if isinstance(value, tuple | list) else value


def task(criteria: Criteria) -> dict[str, Any] | None:
    """What is learned, by the main criterion."""
    for one in criteria.known:
        if one.seen.task["kind"] != "unknown":
            return dict(one.seen.task)
    return {"kind": "unknown", "classes": None} if criteria.known else None


def versions() -> dict[str, str]:
    """What it runs with."""
    return {"python": platform.python_version(), "torch": torch.__version__, "platform": sys.platform}


def machine() -> dict[str, Any]:
    """What it runs on."""
    return {
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_initialized() else None,
        "processor": platform.machine(),
    }
