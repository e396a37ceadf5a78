"""What every test stands on: one thread, quiet libraries, a clean folder."""

from __future__ import annotations

import os

# Two busy OpenMP threads on a shared two-core machine cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("babysit", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("babysit")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """An empty working folder, as a new user has it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
