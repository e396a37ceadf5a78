"""A model by its place is looked up in the source, and what can't be told from that is let through."""

from __future__ import annotations

import pytest

from babysit.errors import RecipeError
from babysit.record.named import look_up


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_wrong_name_is_told_with_what_there_is(here):
    (here / "mynet.py").write_text("raise SystemError\nimport os\ndef make(hp): ...\nclass Net: ...\ndef _own(): ...\n")
    look_up("mynet.py:make")
    look_up("mynet.py:Net")
    with pytest.raises(RecipeError, match=r"mynet.py has no 'mak' \(did you mean make\?\): it has make, Net$"):
        look_up("mynet.py:mak")
    with pytest.raises(RecipeError, match=r"no file 'other\.py'"):
        look_up("other.py:make")


@pytest.mark.parametrize(
    "source",
    ["make = 3", "from elsewhere import make", "from elsewhere import *", "import make", "def broken(:", "def __getattr__(name): ...",
     "if True:\n    def make(): ...", "try:\n    pass\nexcept ValueError:\n    def make(): ...", "for make in range(3): pass",
     "with open('x') as make: pass", "a, (make, b) = f()", "import a.b as make"],
)  # fmt: skip
def test_what_may_be_there_is_let_through(here, source):
    (here / "mynet.py").write_text(source)
    look_up("mynet.py:make")
