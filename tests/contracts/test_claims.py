"""What every claim keeps to: said beforehand, judged by what was said, the same for the same seeds."""

from __future__ import annotations

import ast
import importlib
import json
import math
import re
import sys
from pathlib import Path

import pytest
import torch

from babysit.claims import Claim, Criterion, Verdict, claims, find
from babysit.claims import __file__ as claims_file
from babysit.claims._lecture import PARTS
from babysit.claims._material import Material
from babysit.claims._measure import Order, measure
from babysit.claims._page import Occasion, page
from babysit.claims._svg import svg
from babysit.errors import DataError, RecipeError
from babysit.views.panel import Panel

from ..units.data.make import cifar

CLAIMS = claims()
SOURCE = Path(claims_file).parent
FAST = (
    "sigmoid-is-not-zero-centred-so-gradients-share-a-sign", "maxout-generalizes-relu", "pca-and-whitening", "all-positive-inputs-give-same-sign-gradients",
    "tanh-is-zero-centred-but-saturates", "sigmoid-saturates-and-kills-gradients", "initial-loss-is-ln-k", "same-at-test-time",
)  # fmt: skip
each = pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))


@each
def test_it_says_beforehand_what_would_make_it_hold(claim: Claim):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", claim.name)
    assert claim.statement[0].isupper()
    assert len(claim.statement) < 110
    assert "Criterion:" in claim.page, "the docstring must say the criterion in words"
    assert claim.criteria
    words = " ".join(claim.page.partition("Criterion:")[2].split())
    for criterion in claim.criteria.values():
        assert isinstance(criterion, Criterion)
        for bound in (criterion.low, criterion.high):
            if math.isfinite(bound):
                assert said(bound, criterion, words), f"{criterion.words!r} is not in the docstring's criterion"


def said(bound: float, criterion: Criterion, words: str) -> bool:
    """Is a bound among the numbers of a text, in its own unit or in per cent?"""
    numbers = {float(one) for one in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", words)}
    fractions = {float(a) / float(b) for a, b in re.findall(r"(\d+)/(\d+)", words)}
    scaled = {bound, 100 * bound} if criterion.share or criterion.points else {bound}
    if criterion.share and bound > 0.9:
        scaled |= {100 * (1 - bound)}  # "less than 1 %" of what isn't so
    return any(math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) for one in scaled for other in numbers | fractions)


@each
def test_it_says_where_it_comes_from(claim: Claim):
    assert claim.section.part in PARTS
    assert claim.section.url.startswith("https://cs231n.github.io/")
    assert re.search(r"(19|20)\d\d", claim.paper.name)
    assert claim.paper.url.startswith("http")


def test_the_collection_is_the_lecture():
    counts = {part: sum(one.section.part == part for one in CLAIMS.values()) for part in PARTS}
    assert list(counts.values()) == [14, 7, 6, 5, 6, 5, 5]
    orders = [(PARTS.index(one.section.part), one.order) for one in CLAIMS.values()]
    assert orders == sorted(set(orders)), "each has a place of its own in its section"


@pytest.mark.parametrize("name", FAST)
def test_it_is_deterministic_and_leaves_no_trace(name):
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    one = find(name)(seeds=2, quick=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.randn(7)
    two = find(name)(seeds=2, quick=True)
    assert [each.values for each in one.settings] == [each.values for each in two.settings]
    assert svg(one.figure) == svg(two.figure)


@pytest.mark.parametrize("name", FAST)
def test_the_verdict_follows_from_what_was_said(name):
    check(find(name)(seeds=3, quick=True), CLAIMS[name], seeds=3)


def check(verdict: Verdict, claim: Claim, *, seeds: int) -> None:
    """What any verdict must be."""
    assert verdict.id == claim.name
    assert verdict.seeds == seeds
    assert verdict.seconds > 0
    assert [one.name for one in verdict.settings] == list(claim.criteria)
    for one in verdict.settings:
        assert len(one.values) == seeds
        assert one.verdict == one.criterion.judge(one.values)[0]
        assert not math.isfinite(one.effect) or one.interval[0] <= one.effect <= one.interval[1]
    kinds = {one.verdict for one in verdict.settings}
    fails = claim.parts and "does-not-hold" in kinds
    assert verdict.verdict == (next(iter(kinds)) if len(kinds) == 1 else "does-not-hold" if fails else "depends")
    assert bool(verdict.depends_on) == (len(kinds) > 1 or kinds == {"depends"})
    assert isinstance(verdict.figure, Panel)
    assert verdict.figure.marks
    assert len(re.findall(r"[.:;]( |$)", verdict.why)) >= 2
    assert verdict.command.startswith(f"babysit claim {verdict.id}")
    plain = verdict.to_dict()
    assert list(plain) == ["id", "verdict", "effect", "interval", "seeds", "seconds"]
    assert plain["verdict"] in ("holds", "does-not-hold", "depends")
    json.dumps(plain, allow_nan=False)
    assert "<script" not in page([verdict], Occasion("2026-01-01", "a machine", "versions", 1.0, True))


@pytest.mark.slow
@each
def test_quick(claim: Claim):
    check(claim(seeds=5, quick=True), claim, seeds=5)


@pytest.mark.slow
def test_over_processes_it_comes_out_the_same():
    names = ["relu-can-die", "zero-init-makes-clones", "he-fixes-it"]
    order = Order(seeds=2, quick=True)
    alone = {one.id: one.to_dict()["interval"] for one in measure(names, order, workers=1)}
    beside = {one.id: one.to_dict()["interval"] for one in measure(names, order, workers=2)}
    assert alone == beside


def test_names_are_found_by_their_end_and_mended():
    assert find("test_time_uses_fixed_statistics").name == "batch-norm-at-test-time-uses-fixed-statistics"
    with pytest.raises(RecipeError, match="did you mean random-beats-grid"):
        find("random-beats-gird")


def test_other_data():
    material = Material("wine")
    verdict = find("initial-loss-is-ln-k")(material, seeds=2, quick=True)
    assert verdict.command == "babysit claim initial-loss-is-ln-k --data wine --seeds 2 --quick"
    assert verdict.settings[1].effect == pytest.approx(0, abs=0.1)
    with pytest.raises(DataError, match="classes"):
        Material("diabetes")


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.stem)
def test_claims_use_nothing_but_what_is_public(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level != 2:  # level 1: claims' own files
            assert not (isinstance(node, ast.Import) and any(one.name.startswith("babysit") for one in node.names))
            continue
        module = importlib.import_module(f"babysit.{node.module or ''}".rstrip("."))
        assert not any(part.startswith("_") for part in module.__name__.split(".")), module.__name__
        for one in node.names:
            assert not one.name.startswith("_"), f"{module.__name__}.{one.name}"
            offered = getattr(module, "__all__", None)
            part = f"{module.__name__}.{one.name}" in sys.modules  # a module of the package, public by its name
            assert offered is None or one.name in offered or part, f"{module.__name__} doesn't offer {one.name}"


@pytest.mark.parametrize("kind", ["10-python", "10-binary"])
def test_a_folder_in_cifar_10s_format_gives_the_lectures_own_numbers(tmp_path, kind):
    """Its pixels, its shape, its ten classes: what the lecture measured stands beside what comes out here."""
    material = Material(str(cifar(tmp_path / "cifar", kind, 400)))
    assert material.pixels().shape == (3, 32, 32), "the folder's own images, not generated ones"
    assert "cifar" in material.source.lower()
    start = find("initial-loss-is-ln-k")(material, seeds=2, quick=True)
    assert start.settings[0].effect == pytest.approx(0, abs=1e-3)
    assert "2.30" in start.beside
    raised = find("regularization-raises-loss")(material, seeds=2, quick=True)
    assert "3.06" in raised.beside
    assert raised.effect == pytest.approx(0.5 * 1e3 * 1e-8 * (3072 * 50 + 50 * 10), rel=0.03)  # 2.30 + 0.77 = 3.07
    tiny = find("tiny-subset-overfits")(material, seeds=2, quick=True)
    assert tiny.settings[0].effect < 0.01
    assert "0.002" in tiny.beside


@pytest.mark.slow
def test_a_search_on_a_folder_in_cifar_10s_format(tmp_path):
    material = Material(str(cifar(tmp_path / "cifar", "10-python", 200)))
    search = find("coarse-to-fine-pays")(material, seeds=2, quick=True)
    assert "41 %" in search.beside
    assert "53 %" in search.beside


def test_a_table_without_a_target_is_asked_for_its_last_column(tmp_path):
    path = tmp_path / "mydata.csv"
    path.write_text("a,b,kind\n" + "".join(f"{k % 7},{k % 5},{'xyz'[k % 3]}\n" for k in range(60)))
    material = Material(str(path))
    assert material.target == "kind"
    verdict = find("initial-loss-is-ln-k")(material, seeds=2, quick=True)
    assert verdict.command == f"babysit claim initial-loss-is-ln-k --data {path} --target kind --seeds 2 --quick"
    assert "accuracies in steps of" in verdict.data


def test_one_seed_is_no_evidence():
    with pytest.raises(ValueError, match="at least 2 seeds"):
        find("pca-and-whitening")(seeds=1)
