"""Preprocessing against numpy in float64, streamed, merged, saved, inverted and exported."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA as SklearnPCA
from torch import nn

from babysit.errors import DataError, RecipeError, TrainingError
from babysit.nn.preprocess import (
    PCA,
    ZCA,
    Center,
    ChannelMean,
    Comoments,
    MeanImage,
    Moments,
    Standardize,
    Unchanged,
    Whiten,
    preprocess,
)
from babysit.record.recipe import PREPROCESS

IMAGES, TABLES = (3, 5, 4), (12,)
NEW = {
    "center": Center, "mean-image": MeanImage, "channel-mean": ChannelMean, "standardize": Standardize,
    "pca": PCA, "whiten": Whiten, "zca": ZCA, "none": Unchanged,
}  # fmt: skip
EVERY = [(name, IMAGES) for name in NEW] + [
    (name, TABLES) for name in NEW if name not in ("mean-image", "channel-mean")
]


def rows(shape, count=300, seed=0):
    """Correlated examples with an offset."""
    generator = torch.Generator().manual_seed(seed)
    features = int(np.prod(shape))
    mix = torch.randn(features, features, generator=generator) / features**0.5
    return (torch.randn(count, features, generator=generator) @ mix + 3.0).reshape(count, *shape)


# statistics


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8), st.integers(0, 2**31), st.sampled_from([0.0, 1e8]))
def test_any_cut_and_any_order_of_merging_give_numpys_numbers(sizes, seed, offset):
    total = sum(sizes)
    if total == 0:
        return
    x = np.random.default_rng(seed).normal(size=(total, 3)) * [1, 10, 0] + offset
    parts, start = [], 0
    for size in sizes:
        parts.append(Comoments().update(torch.from_numpy(x[start : start + size])))
        start += size
    left = Comoments()
    for part in parts:
        left.merge(part)
    right = Comoments()
    for part in reversed(parts):
        right.merge(copy.deepcopy(part).merge(Comoments()))
    expected = np.cov(x - offset, rowvar=False, bias=True)
    for seen in (left, right):
        assert seen.count == total
        np.testing.assert_allclose(seen.mean, x.mean(0), rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(seen.covariance, expected, rtol=1e-6, atol=1e-6)


def test_a_large_offset_cancels_nothing():
    x = np.random.default_rng(0).normal(size=(10_000, 2)) + 1e9
    seen = Moments()
    for start in range(0, len(x), 100):
        seen.update(torch.from_numpy(x[start : start + 100]))
    np.testing.assert_allclose(seen.variance, x.var(0), rtol=1e-7)
    naive = (x**2).mean(0) - x.mean(0) ** 2
    assert abs(naive - x.var(0)).max() > 1  # what the textbook's one-pass formula makes of it


def test_merging_leaves_the_other_alone():
    a, b = Moments().update(torch.ones(2, 1)), Moments().update(torch.zeros(2, 1))
    empty = Moments().merge(b)
    empty.update(torch.full((4, 1), 9.0))
    a.merge(b)
    assert (b.count, float(b.mean), float(b.variance)) == (2, 0.0, 0.0)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 255.0, 1e-20, -7e6])
def test_a_constant_is_a_constant_whatever_its_rounding(value):
    seen = Moments()
    for size in (7, 1000, 333):
        seen.update(torch.full((size, 1), value, dtype=torch.float64))
    assert bool(seen.constant.all())


# each layer against numpy


def test_center_and_its_kin():
    x = rows(IMAGES)
    flat = x.double().numpy()
    np.testing.assert_allclose(Center().fit(x).mean, flat.mean(0), rtol=1e-6)
    np.testing.assert_allclose(MeanImage().fit(x)(x), flat - flat.mean(0), atol=1e-5)
    np.testing.assert_allclose(ChannelMean().fit(x)(x), flat - flat.mean((0, 2, 3), keepdims=True), atol=1e-5)


@pytest.mark.parametrize("shape", [TABLES, IMAGES])
def test_standardize(shape):
    x = rows(shape)
    axes = (0,) if len(shape) == 1 else (0, 2, 3)
    flat = x.double().numpy()
    expected = (flat - flat.mean(axes, keepdims=True)) / flat.std(axes, keepdims=True)
    np.testing.assert_allclose(Standardize().fit(x)(x), expected, atol=1e-5)


@pytest.mark.parametrize("components", [None, 1, 5])
def test_pca_is_scikit_learns(components):
    x = rows(TABLES)
    expected = SklearnPCA(components, svd_solver="full").fit(x.numpy())
    ours = PCA(components).fit(x)
    theirs = expected.transform(x.numpy())
    np.testing.assert_allclose(ours(x).abs(), np.abs(theirs), atol=2e-4)
    np.testing.assert_allclose(ours.inverse(ours(x)), expected.inverse_transform(theirs), atol=2e-4)


def test_whiten_gives_the_identity_covariance():
    x = rows(TABLES, 2000)
    y = Whiten(epsilon=0).fit(x)(x).double()
    torch.testing.assert_close(torch.cov(y.T, correction=0), torch.eye(12, dtype=torch.float64), atol=2e-3, rtol=0)


def test_epsilon_stands_under_the_root():
    x = rows(TABLES, 2000).double().numpy()
    variance = np.linalg.eigvalsh(np.cov(x, rowvar=False, bias=True))[::-1]
    y = Whiten(epsilon=0.3).fit(x)(torch.from_numpy(x)).double().numpy()
    np.testing.assert_allclose(y.var(0), variance / (variance + 0.3), rtol=1e-3)


def test_zca_is_the_whitening_nearest_to_the_input():
    x = rows(IMAGES, 3000)
    layer = ZCA(epsilon=0).fit(x)
    y = layer(x)
    assert y.shape == x.shape
    covariance = torch.cov(y.double().flatten(1).T, correction=0)
    torch.testing.assert_close(covariance, torch.eye(60, dtype=torch.float64), atol=0.02, rtol=0)
    torch.testing.assert_close(layer.forth, layer.forth.T, atol=1e-3, rtol=1e-3)
    values, vectors = np.linalg.eigh(np.cov(x.double().flatten(1).numpy(), rowvar=False, bias=True))
    np.testing.assert_allclose(layer.forth, vectors / np.sqrt(values) @ vectors.T, rtol=2e-3, atol=2e-3)


def test_the_sign_of_a_direction_is_settled():
    x = rows(TABLES)
    a, b = PCA().fit(x), PCA().fit(x.flip(0))
    torch.testing.assert_close(a.forth, b.forth, atol=1e-4, rtol=1e-4)
    assert bool((a.forth.gather(0, a.forth.abs().argmax(0, keepdim=True)) > 0).all())


# what never varies


@pytest.mark.parametrize("layer", [Standardize(), Whiten(), ZCA(), PCA(), Whiten(epsilon=0), ZCA(epsilon=0)])
def test_constant_features_divide_nothing_by_zero(layer):
    layer = copy.deepcopy(layer)
    x = rows((4,))
    x[:, 1] = 0.1
    x[:, 2] = x[:, 0] * 2  # and a direction that never varies
    y = layer.fit(x)(x)
    assert bool(y.isfinite().all())
    assert float(y.abs().max()) < 100
    torch.testing.assert_close(layer.inverse(y), x, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("layer", [Whiten(), ZCA(), Standardize()])
def test_a_novelty_where_training_never_varied_is_not_blown_up(layer):
    layer = copy.deepcopy(layer)
    x = rows((4,))
    x[:, 1] = 0.0
    layer.fit(x)
    novel = x[:1].clone()
    novel[0, 1] = 1.0
    assert float((layer(novel) - layer(x[:1])).abs().max()) <= 1.001


def test_fewer_examples_than_features():
    x = rows((20,), 6)
    y = Whiten().fit(x)(rows((20,), 50, seed=3))
    assert bool(y.isfinite().all())
    assert float(y.abs().max()) < 1e3


# all of them


def fitted(name, shape):
    return preprocess(name, shape).fit(rows(shape))


def test_a_recipe_and_the_factory_offer_the_same():
    assert set(PREPROCESS) == {"auto", *NEW}
    assert isinstance(preprocess("auto", IMAGES), ChannelMean)
    assert isinstance(preprocess("auto", TABLES), Standardize)


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_streamed_or_at_once(name, shape):
    x = rows(shape, 100)
    whole = NEW[name]().fit(x)
    for batches in (
        x.split(7), [(part, 0) for part in x.split(31)], iter(x.numpy()[i : i + 50] for i in (0, 50)), x.double().numpy(),
    ):  # fmt: skip
        torch.testing.assert_close(NEW[name]().fit(batches)(x), whole(x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_the_inverse_gives_the_input_back(name, shape):
    layer, x = fitted(name, shape), rows(shape)
    torch.testing.assert_close(layer.inverse(layer(x)), x, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_the_output_has_the_shape_it_tells(name, shape):
    assert fitted(name, shape)(rows(shape)).shape[1:] == preprocess(name, shape).out_shape


@pytest.mark.parametrize(("name", "shape"), EVERY)
@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("assign", [True, False])
def test_the_statistics_travel_in_the_state(name, shape, sized, assign):
    source = nn.Sequential(fitted(name, shape))
    target = nn.Sequential(preprocess(name, shape) if sized else NEW[name]())
    target.load_state_dict(copy.deepcopy(source.state_dict()), assign=assign)
    x = rows(shape, seed=5)
    assert torch.equal(target(x), source(x))
    for twin in (copy.deepcopy(source), pickle.loads(pickle.dumps(source))):
        assert torch.equal(twin(x), source(x))


@pytest.mark.parametrize(("name", "shape"), [pair for pair in EVERY if pair[0] != "none"])
def test_unfitted_says_so(name, shape):
    with pytest.raises(TrainingError, match=r"no statistics yet: call fit\("):
        preprocess(name, shape)(rows(shape))
    unfitted = preprocess(name, shape)
    unfitted.load_state_dict(preprocess(name, shape).state_dict())
    with pytest.raises(TrainingError, match="no statistics yet"):
        unfitted(rows(shape))


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_whole_numbers_are_as_good_as_floats(name, shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (200, *shape), generator=generator, dtype=torch.uint8)
    layer = NEW[name]().fit(x)
    torch.testing.assert_close(layer(x), NEW[name]().fit(x.float())(x.float()), atol=1e-3, rtol=1e-3)
    assert layer(x).dtype == torch.float32


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_nothing_is_learnt_from_what_comes_later(name, shape):
    layer = fitted(name, shape)
    before = copy.deepcopy(layer.state_dict())
    layer.train()(rows(shape, seed=9) * 50)
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())
    assert not list(layer.parameters())


@pytest.mark.parametrize(("name", "shape"), EVERY)
def test_stacked_under_vmap(name, shape):
    layers = [NEW[name]().fit(rows(shape, seed=seed)) for seed in (0, 1)]
    parameters, buffers = torch.func.stack_module_state(layers)
    x = rows(shape, 10, seed=2)

    def one(parameters, buffers, x):
        return torch.func.functional_call(layers[0], (parameters, buffers), (x,))

    got = torch.vmap(one, in_dims=(0, 0, None))(parameters, buffers, x)
    torch.testing.assert_close(got, torch.stack([layer(x) for layer in layers]), atol=1e-4, rtol=1e-4)


# what can't be


def test_bad_data_is_refused():
    with pytest.raises(DataError, match="at least one training example, but got none"):
        Center().fit([])
    with pytest.raises(DataError, match="NaN or inf"):
        Standardize().fit(torch.tensor([[1.0], [float("nan")]]))
    with pytest.raises(DataError, match=r"one shape, but got \(2,\) and then \(3,\)"):
        Center().fit([torch.zeros(1, 2), torch.zeros(1, 3)])
    with pytest.raises(DataError, match=r"made for examples of the shape \(2,\), but got \(3,\)"):
        Center(shape=(2,)).fit(torch.zeros(1, 3))
    with pytest.raises(DataError, match=r"got examples of the shape \(1,\)"):
        Center().fit(torch.zeros(1, 3))(torch.zeros(5, 1))  # would be broadcast


def test_bad_recipes_are_refused():
    for call, words in (
        (lambda: preprocess("mean-image", (4,)), r"MeanImage needs images \(C, H, W\)"),
        (lambda: preprocess("pca", (4,), 5), "components <= D must hold, but components=5 and D=4"),
        (lambda: preprocess("zca", (4,), 2), "components goes with preprocess=pca or whiten"),
        (lambda: preprocess("pca", (3, 224, 224)), "take a smaller image"),
        (lambda: preprocess("whitening", (4,)), "did you mean whiten"),
        (lambda: Whiten(epsilon=-1), "epsilon >= 0 must hold"),
        (lambda: PCA(0), "components >= 1 must hold"),
        (lambda: Center(shape=(2, 3)), r"\(D,\) or \(C, H, W\)"),
    ):
        with pytest.raises(RecipeError, match=words):
            call()
