"""Each edit changes what it says, nothing else, and nothing is left of it at the end."""

from __future__ import annotations

import ast

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from babysit.errors import RecipeError
from babysit.hosts.edits import applied, fields
from babysit.hosts.edits.stage import CRITERIA

CROSS_ENTROPY = nn.CrossEntropyLoss()


def batch(classes=3, count=32, features=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, features, generator=generator), torch.randint(classes, (count,), generator=generator)


def mlp(seed=0, activation=nn.ReLU):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), activation(), nn.Linear(8, 3))


def weights(model):
    return torch.cat([p.detach().reshape(-1).clone() for p in model.parameters()])


def train(model, *, steps=3, lr=0.1, optimizer=None, zero=True, loss=CROSS_ENTROPY, data=None, before=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=lr)
    x, y = data or batch()
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        value = loss(model(x) if before is None else before(model(x)), y)
        value.backward()
        optimizer.step()
    return weights(model)


def same(a, b):
    return torch.equal(a, b)


def test_nothing_is_left_of_any_edit():
    """After the `with`, PyTorch's functions and hooks are what they were."""
    from torch.nn.modules import module as hooks
    from torch.optim import optimizer as optimizers

    def everything():
        owners = (
            F,
            torch,
            torch.Tensor,
            DataLoader,
            torch.optim.Optimizer,
            torch.autocast,
            torch.no_grad,
            torch.nn.utils,
        )
        found = {
            (owner.__name__, name): getattr(owner, name, None)
            for owner in owners
            for name in (
                *CRITERIA,
                "relu",
                "sigmoid",
                "softmax",
                "dropout",
                "backward",
                "detach",
                "__init__",
                "__iter__",
                "__enter__",
                "clip_grad_norm_",
                "step",
                "zero_grad",
            )
        }
        counts = [
            len(d)
            for d in (
                hooks._global_forward_hooks,
                hooks._global_forward_pre_hooks,
                optimizers._global_optimizer_pre_hooks,
                optimizers._global_optimizer_post_hooks,
            )
        ]
        return found, counts

    before = everything()
    samples = {
        "activation": {"relu": "leaky_relu"},
        "norm": "batch",
        "betas": [0.9, 0.99],
        "optimizer": "adam",
        "init": "he",
        "criterion": "cross_entropy",
        "reduction": "mean",
        "width": "*2",
        "epochs": "*2",
    }
    for name in fields():
        with applied({name: samples.get(name, 0.5)}):
            pass
    after = everything()
    assert before[1] == after[1]
    changed = {k for k in before[0] if before[0][k] is not after[0][k]}
    assert {k for k in changed if not callable(before[0][k]) or "method-wrapper" not in repr(before[0][k])} == set()


def test_an_unknown_field_is_refused():
    with pytest.raises(RecipeError, match="did you mean clip_norm"), applied({"clip_nrm": 1}):
        pass


def test_an_edit_that_met_nothing_says_so():
    with applied({"dropout": 0.0, "lr": "*2"}) as stage:
        train(mlp())
    assert stage.idle == ["dropout"]


def test_a_new_start_draws_constant_embeddings_apart_and_leaves_others():
    model = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 3))
    other = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 3))
    nn.init.zeros_(model[0].weight)
    before = other[0].weight.detach().clone()
    with applied({"init": "he"}):
        model(torch.tensor([1]))
        other(torch.tensor([1]))
    assert float(model[0].weight.detach().std()) == pytest.approx(0.25, rel=0.1)
    assert torch.equal(other[0].weight, before)


def test_where_backward_is_never_called_it_is_from_the_second_step_on():
    model, (x, y) = mlp(), batch()
    with applied({"order": "zero-backward-step"}) as stage:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            CROSS_ENTROPY(model(x), y)
            optimizer.step()
    assert stage.idle == []
    assert torch.allclose(weights(model), train(mlp(), steps=3), atol=1e-6)


@pytest.mark.parametrize(
    "edit", [{"weight_decay": 0.0}, {"eps": 1e-8}, {"betas": [0.9, 0.999]}, {"schedule": "constant"}]
)
def test_an_option_that_is_so_already_is_nothing_to_change(edit):
    model = mlp()
    with applied(edit) as stage:
        train(model, optimizer=torch.optim.Adam(model.parameters(), lr=0.1))
    assert stage.idle == list(edit)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_penalty_on_the_weights_is_left_out_and_the_rest_of_the_loss_stays(scale):
    def run(strength, edit=None):
        model = mlp()
        penalty = lambda: strength * sum(p.square().sum() for p in model.parameters())  # noqa: E731
        with applied(edit or {}) as stage:
            after = train(model, loss=lambda out, y: scale * (F.cross_entropy(out, y) + penalty()))
        return after, stage.idle

    bare, _ = run(0.0)
    assert torch.allclose(run(5.0, {"penalty": 0.0})[0], bare, atol=1e-6)
    assert not torch.allclose(run(5.0)[0], bare, atol=1e-2)


@pytest.mark.parametrize("more", [lambda out: 0.0, lambda out: out.square().mean()])
def test_a_loss_without_a_penalty_on_weights_is_let_be(more):
    loss = lambda out, y: 2 * F.cross_entropy(out, y) + more(out)  # noqa: E731
    with applied({"penalty": 0.0}) as stage:
        edited = train(mlp(), loss=loss)
    assert stage.idle == ["penalty"]
    assert same(edited, train(mlp(), loss=loss))


def test_lr_is_scaled_during_the_step_alone():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with applied({"lr": "*0.1"}):
        edited = train(model, optimizer=optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert torch.allclose(edited, train(mlp(), lr=0.01))


def test_lr_scales_what_a_scheduler_sets():
    def run(lr, edit):
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        with applied(edit):
            for _ in range(4):
                train(model, steps=1, optimizer=optimizer)
                scheduler.step()
        return weights(model)

    assert torch.allclose(run(0.1, {"lr": "*0.1"}), run(0.01, {}))


def test_schedule_constant_holds_the_first_rate():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1)
    with applied({"schedule": "constant"}):
        for _ in range(3):
            train(model, steps=1, optimizer=optimizer)
            scheduler.step()
    assert torch.allclose(weights(model), train(mlp(), lr=0.1))


def test_clip_norm_is_torchs_clipping():
    model, other = mlp(), mlp()
    with applied({"clip_norm": 0.05}):
        edited = train(model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    x, y = batch()
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(other(x), y).backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 0.05)
        optimizer.step()
    assert torch.allclose(edited, weights(other), atol=1e-7)


def test_weight_decay_of_another_strength():
    with applied({"weight_decay": 0.5}):
        edited = train(mlp())
    other = mlp()
    assert torch.allclose(edited, train(other, optimizer=torch.optim.SGD(other.parameters(), lr=0.1, weight_decay=0.5)))


@pytest.mark.parametrize("more", [{}, {"norm": "batch"}, {"optimize": "all"}])
def test_steps_of_another_rule_count_and_reach_every_parameter(more):
    model = mlp()
    before = weights(model[2])
    with applied({"optimizer": "adam", **more}) as stage:
        train(model, steps=4, optimizer=torch.optim.SGD(model[0].parameters() if more else model.parameters(), lr=0.1))
        assert stage.steps == 4
    assert same(weights(model[2]), before) == (more == {"norm": "batch"})  # held by nobody


def test_optimizer_swapped_for_adam():
    with applied({"optimizer": "adam", "lr": 1e-3}):
        edited = train(mlp(), steps=20)
    other = mlp()
    wanted = train(other, steps=20, optimizer=torch.optim.Adam(other.parameters(), lr=1e-3))
    assert (edited - wanted).abs().max() < 2.1 * (0.1 + 1e-3)  # the first step is the program's own


def test_zero_grad_is_put_in():
    with applied({"zero_grad": True}):
        edited = train(mlp(), zero=False)
    assert same(edited, train(mlp()))
    assert not same(edited, train(mlp(), zero=False))


@pytest.mark.parametrize("calls", ["zero-step", "step-first", "no-step"])
def test_order_of_calls_is_mended(calls):
    model = mlp()
    x, y = batch()
    with applied({"order": "zero-backward-step"}):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            loss = F.cross_entropy(model(x), y)
            if calls == "step-first":
                optimizer.step()
            loss.backward()
            if calls == "zero-step":
                optimizer.zero_grad()
                optimizer.step()
    assert same(weights(model), train(mlp()))


def test_missing_parameters_are_given_to_the_optimizer():
    model = mlp()
    with applied({"optimize": "all"}):
        edited = train(model, optimizer=torch.optim.SGD(model[0].parameters(), lr=0.1))
    assert same(edited, train(mlp()))


def test_layers_in_a_list_are_found():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(6, 6), nn.Linear(6, 6)]
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return self.head(x)

    model = Listed()
    before = [layer.weight.detach().clone() for layer in model.layers]
    with applied({"optimize": "all"}):
        train(model)
    assert all(not torch.equal(old, layer.weight) for old, layer in zip(before, model.layers, strict=True))


def test_frozen_parameters_thaw():
    model = mlp()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    with applied({"unfreeze": "all"}):
        edited = train(model, optimizer=torch.optim.SGD(trained, lr=0.1))
    assert torch.allclose(edited, train(mlp()))


@pytest.mark.parametrize("how", ["detach", "no_grad"])
def test_the_gradient_is_let_through(how):
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            if how == "detach":
                return self.body[2](self.body[1](self.body[0](x)).detach())
            with torch.no_grad():
                hidden = self.body[1](self.body[0](x))
            return self.body[2](hidden)

    with applied({"undetach": True}):
        assert same(train(Cut()), train(mlp()))
    cut = Cut()
    train(cut)
    assert same(cut.body[0].weight, mlp()[0].weight)


@pytest.mark.parametrize(("field", "grad"), [("val_mode", False), ("train_mode", True)])
def test_modes(field, grad):
    seen = []

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            seen.append(self.training)
            return self.layer(x)

    model = Net().train(not grad)
    with applied({field: True}), torch.set_grad_enabled(grad):
        model(torch.zeros(2, 2))
    assert seen == [grad]
    assert model.training is not grad


def test_inputs_are_standardized_with_what_training_saw():
    x = torch.randn(400, 6) * torch.tensor([1, 10, 100, 1e3, 1e-3, 1.0]) + 50
    seen = []
    model = mlp()
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with applied({"preprocess": "standardize"}):
        for part in x.split(100):
            model(part)
        with torch.no_grad():
            model(x)
    exact = x.double()
    wanted = (exact - exact.mean(0)) / exact.std(0, unbiased=False)
    assert torch.allclose(seen[-1].double(), wanted, atol=1e-5)


def test_targets_are_standardized_and_answers_stay_in_their_units():
    torch.manual_seed(0)
    x = torch.randn(256, 6)
    y = (x.sum(1, keepdim=True) * 100 + 5000).float()
    model, losses = nn.Linear(6, 1), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with applied({"target_scale": "standardize"}):
        for _ in range(60):
            optimizer.zero_grad()
            answers = model(x)
            loss = F.mse_loss(answers, y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            assert losses[-1] == pytest.approx(float(((answers - y) ** 2).detach().mean()), rel=1e-5)
        with torch.no_grad():
            error = (model(x) - y).std() / y.std()
    assert losses[0] > 1e6
    assert losses[-1] < 0.01 * float(y.var())
    assert float(error) < 0.1


def test_the_step_on_standardized_targets_is_the_one_of_hand_standardized_ones():
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = 40 * torch.randn(64, 1) + 700

    def step(edit, targets):
        torch.manual_seed(1)
        model = nn.Linear(3, 1)
        with applied(edit):
            for _ in range(2):
                model.zero_grad()
                F.mse_loss(model(x), targets).backward()
        return model.weight.grad

    by_hand = (y - y.mean()) / y.std(unbiased=False)
    assert torch.allclose(step({"target_scale": "standardize"}, y), step({}, by_hand), atol=1e-5)


@pytest.mark.parametrize("module", [True, False])
def test_softmax_before_cross_entropy_is_taken_off(module):
    before = nn.Softmax(1) if module else (lambda z: torch.softmax(z, 1))
    with applied({"criterion_input": "logits"}):
        edited = train(mlp(), before=before)
    assert torch.allclose(edited, train(mlp()), atol=1e-6)


def test_softmax_whose_mark_is_lost_is_inverted():
    with applied({"criterion_input": "logits"}):
        edited = train(mlp(), before=lambda z: torch.softmax(z, 1) * 1.0)
    assert torch.allclose(edited, train(mlp()), atol=1e-5)


def test_sigmoid_before_bce_with_logits_is_taken_off():
    x, y = batch(2)
    data = (x, F.one_hot(y, 3).float())
    bce = nn.BCEWithLogitsLoss()
    with applied({"criterion_input": "logits"}):
        edited = train(mlp(), loss=bce, data=data, before=torch.sigmoid)
    assert torch.allclose(edited, train(mlp(), loss=bce, data=data), atol=1e-6)


def test_relu_on_the_logits_is_taken_off():
    with applied({"last_activation": "none"}):
        edited = train(mlp(), before=torch.relu)
    assert torch.allclose(edited, train(mlp()), atol=1e-6)


class Last(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return self.shape(x)


@pytest.mark.parametrize(
    "shape", [lambda z: z.squeeze(1), lambda z: z[:, 0], lambda z: z.view(-1), lambda z: torch.flatten(z)]
)
@pytest.mark.parametrize("wrong", [nn.Softmax(1), nn.Sequential(nn.ReLU(), nn.Sigmoid())])
def test_before_a_loss_of_probabilities_a_sigmoid_takes_its_place(wrong, shape):
    x, y = batch(2)
    data = (x, y.float())

    def run(end, edit=None):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1), end, Last(shape))
        with applied(edit or {}) as stage:
            after = train(model, loss=F.binary_cross_entropy, data=data)
            with torch.no_grad():
                return after, model(x), stage.idle

    edited, right = run(wrong, {"last_activation": "none"}), run(nn.Sigmoid())
    assert torch.allclose(edited[0], right[0], atol=1e-6)
    assert torch.allclose(edited[1], right[1], atol=1e-6)
    assert run(nn.Sigmoid(), {"last_activation": "none"})[2] == ["last_activation"]


def test_mse_on_one_hot_becomes_cross_entropy():
    x, y = batch()
    with applied({"criterion": "cross_entropy"}):
        edited = train(mlp(), loss=F.mse_loss, data=(x, F.one_hot(y, 3).float()))
    assert torch.allclose(edited, train(mlp()), atol=1e-6)


def test_sum_becomes_mean():
    with applied({"reduction": "mean"}):
        edited = train(mlp(), loss=nn.CrossEntropyLoss(reduction="sum"))
    assert same(edited, train(mlp()))


def test_the_sign_is_turned():
    with applied({"loss_sign": 1}):
        edited = train(mlp(), loss=lambda z, y: -F.cross_entropy(z, y))
    assert same(edited, train(mlp()))


def test_shapes_are_matched():
    x, y = batch()
    model, other = nn.Linear(6, 1), nn.Linear(6, 1)
    other.load_state_dict(model.state_dict())
    with applied({"target_shape": "match"}):
        edited = train(model, loss=F.mse_loss, data=(x, y.float()))
    assert same(edited, train(other, loss=lambda z, y: F.mse_loss(z[:, 0], y), data=(x, y.float())))


def test_class_weights_are_balanced():
    y = torch.tensor([0] * 30 + [1] * 2)
    x = batch()[0]
    model = mlp()
    with applied({"class_weights": "balanced"}):
        edited = train(model, steps=1, data=(x, y))
    weight = torch.tensor([32 / (3 * 30), 32 / (3 * 2), 32 / 3])
    assert torch.allclose(edited, train(mlp(), steps=1, data=(x, y), loss=nn.CrossEntropyLoss(weight=weight)))


@pytest.mark.parametrize("style", ["module", "functional", "method"])
def test_activations_are_swapped(style):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.act = nn.Linear(6, 8), nn.Linear(8, 3), nn.ReLU()

        def forward(self, x):
            h = self.a(x)
            h = self.act(h) if style == "module" else F.relu(h) if style == "functional" else h.relu()
            return self.b(h)

    model = Net()
    x, y = batch()
    with applied({"activation": {"relu": "tanh"}}) as stage:
        F.cross_entropy(model(x), y)  # shows which activation makes the output
        out = model(x)
    assert torch.allclose(out, model.b(torch.tanh(model.a(x))))
    assert stage.idle == []


def test_a_read_out_keeps_its_activation():
    model = nn.Sequential(nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 3), nn.Sigmoid())
    x, y = batch()
    target = F.one_hot(y, 3).float()
    with applied({"activation": {"sigmoid": "relu"}}):
        F.binary_cross_entropy(model(x), target)
        out = model(x)
    assert torch.allclose(out, torch.sigmoid(model[2](torch.relu(model[0](x)))))


def test_a_nonlinearity_is_put_between_layers():
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))
    x, _ = batch()
    with applied({"activation": {"none": "relu"}}):
        out = model(x)
    assert torch.allclose(out, model[1](torch.relu(model[0](x))))


def test_batch_norm_is_put_in_and_trained():
    model = mlp()
    seen = []
    model[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with applied({"norm": "batch"}):
        train(model, optimizer=optimizer)
    assert torch.allclose(seen[0].mean(0), torch.zeros(8), atol=1e-5)
    assert len(optimizer.param_groups) == 2


def test_init_starts_anew_before_the_first_step():
    model = mlp()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    with applied({"init": "he"}):
        model(batch()[0])
    assert float(model[0].weight.detach().std()) == pytest.approx((2 / 6) ** 0.5, rel=0.5)


def test_dropout_is_changed():
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.9), nn.Linear(8, 3))
    with applied({"dropout": 0.0}):
        x = batch()[0]
        assert torch.equal(model(x), model(x))


def test_width_grows_in_place():
    model = mlp()
    before = list(model.parameters())
    with applied({"width": "*4"}):
        train(model)
    assert model[0].weight.shape == (32, 6)
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))


def test_loaders_shuffle_and_change_their_batch():
    data = TensorDataset(torch.arange(100))
    with applied({"shuffle": True, "batch": "*0.5"}):
        loader = DataLoader(data, batch_size=20)
        first = next(iter(loader))[0]
    assert len(first) == 10
    assert first.tolist() != list(range(10))


def test_next_iter_goes_on():
    data = TensorDataset(torch.arange(6))
    loader = DataLoader(data, batch_size=2)
    with applied({"fresh_batches": True}):
        seen = [next(iter(loader))[0].tolist() for _ in range(4)]
        whole = [part[0].tolist() for part in loader]
    assert seen == [[0, 1], [2, 3], [4, 5], [0, 1]]
    assert whole[-1] == [4, 5]


def test_epochs_are_multiplied_in_the_source():
    source = "count = 0\nfor epoch in range(4):\n    for i in range(2):\n        count += 1\n"
    with applied({"epochs": "*3"}) as stage:
        space: dict = {}
        exec(compile(stage.rewrite(ast.parse(source)), "x.py", "exec"), space)
    assert space["count"] == 24
    assert stage.idle == []


def test_examples_that_are_not_finite_are_left_out():
    model = mlp()
    x, y = batch()
    broken = x.clone()
    broken[3, 2] = float("nan")
    keep = torch.arange(len(x)) != 3
    with applied({"drop_nonfinite": True}):
        edited = train(model, data=(broken, y))
    assert torch.allclose(edited, train(mlp(), data=(x[keep], y[keep])), atol=1e-6)


def test_early_stopping_brings_the_best_weights_back():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x = torch.ones(1, 1)
    with applied({"patience": 2}):
        for _ in range(8):
            optimizer.zero_grad()
            (-F.l1_loss(model(x), torch.tensor([[-100.0]]))).backward()  # drives the weight upwards by 1
            optimizer.step()
            with torch.no_grad():
                F.mse_loss(model(x), torch.tensor([[-3.0]]))  # validation: best at the first pass
    assert float(model.weight.detach()) == pytest.approx(1.0)
