"""Joining a Ray cluster."""

from __future__ import annotations

from typing import Any

from ..errors import MissingExtra, OutputError


def join(address: str = "auto") -> tuple[Any, bool]:
    """The `ray` module, in a cluster, and whether it was joined here (and is to be left again).

    Args:
        address: "auto" joins the cluster of this machine (or starts one here), else "ray://…" or "host:port".

    Raises:
        MissingExtra: ray isn't installed.
        OutputError: no cluster answers there.
    """
    try:
        import ray
    except ImportError:
        raise MissingExtra("ray", "ray", "Ray") from None
    if ray.is_initialized():
        return ray, False
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        ray.init(address=address, **options)
    except ConnectionError as error:
        if address != "auto":
            raise OutputError(f"a Ray cluster must answer at {address}, but: {error}") from error
        ray.init(include_dashboard=False, **options)
    return ray, True
