"""Arrays for the page: true values, at few steps, of few layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from babysit import watch

STEPS = 60


def _train(images: bool, steps: int = STEPS, **options):
    torch.manual_seed(0)
    x, y = torch.randn(64, 1, 6, 6), torch.randint(0, 3, (64,))
    model = nn.Sequential(
        nn.Flatten(), *[nn.Sequential(nn.Linear(36, 36), nn.ReLU()) for _ in range(6)], nn.Linear(36, 3)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    after = {}
    with watch(model, optimizer, overhead="all", **options) as w:
        for step in range(1, steps + 1):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x if images else x.flatten(1)), y).backward()
            optimizer.step()
            after[step] = (model[1][0].weight.detach().clone(), model[1][0].weight.grad.clone())
    return w.run, after


def test_weights_gradients_and_images_are_what_they_were_after_the_step():
    run, after = _train(True)
    for index, what in enumerate(("weight.histogram", "gradient.histogram")):
        frames = run.vectors(what, "1.0.weight")
        steps = [step for step, _ in frames]
        assert steps[0] == 1
        assert 3 <= len(steps) <= 7, "by 1, 9, 17, 25, 33, 44, 58, where those are looked at"
        assert min(np.diff(steps)) >= 8
        for step, (counts, centres) in frames:
            theirs, edges = np.histogram(after[step][index].numpy(), 32)
            assert counts.sum() == 36 * 36
            assert np.abs(counts - theirs).sum() <= 4, "an element on an edge may fall to either side"
            assert np.allclose(centres, (edges[1:] + edges[:-1]) / 2, atol=1e-5)
    step, seen = run.vectors("weight.images", "1.0.weight")[-1]
    assert seen.shape == (36, 1, 6, 6)
    assert np.array_equal(seen.reshape(36, 36), after[step][0].numpy())


def test_outputs_are_framed_too_and_flat_inputs_are_no_images():
    run, _ = _train(False)
    places = run.vector_places("activation.histogram")
    assert 2 <= len(places) <= 12
    assert all(counts.sum() > 0 for place in places for _, (counts, _) in run.vectors("activation.histogram", place))
    assert not run.vector_places("weight.images")


def test_few_frames_are_taken():
    run, _ = _train(True, 400)
    assert len(run.vectors("weight.histogram", "1.0.weight")) < 25
