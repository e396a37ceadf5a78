"""Remedies that checks name: a title, the edit that a host can apply live (docs/edits.md), the line a user would write."""

from __future__ import annotations

from ..record import Remedy

STANDARDIZE = Remedy(
    "Standardize the inputs with the training set's mean and standard deviation",
    {"preprocess": "standardize"},
    "x = (x - x_train.mean(0)) / x_train.std(0)  # the same numbers for validation",
)
STANDARDIZE_TARGETS = Remedy(
    "Standardize the targets",
    {"target_scale": "standardize"},
    "y = (y - y_train.mean()) / y_train.std()  # and back for predictions",
)
SKIP_NONFINITE = Remedy(
    "Leave out examples with NaN or infinity",
    {"drop_nonfinite": True},
    "keep = torch.isfinite(x).flatten(1).all(1); x, y = x[keep], y[keep]",
)
SAME_PREPROCESSING = Remedy(
    "Prepare validation inputs exactly as training inputs",
    {"val_preprocess": "as_train"},
    "x_val = (x_val - x_train.mean(0)) / x_train.std(0)",
)
SHUFFLE = Remedy("Shuffle the training examples", {"shuffle": True}, "DataLoader(train, batch_size=…, shuffle=True)")
CLASS_WEIGHTS = Remedy(
    "Weight the classes by their inverse frequency",
    {"class_weights": "balanced"},
    "criterion = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))",
)
INIT_HE = Remedy(
    "Initialize the weights by He",
    {"init": "he"},
    "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu'); nn.init.zeros_(layer.bias)",
)
INIT_XAVIER = Remedy(
    "Initialize the weights by Xavier",
    {"init": "xavier"},
    "nn.init.xavier_normal_(layer.weight); nn.init.zeros_(layer.bias)",
)
SMALL_HEAD = Remedy(
    "Start the last layer's weights small",
    {"init_head": "small"},
    "nn.init.normal_(model.head.weight, std=0.01); nn.init.zeros_(model.head.bias)",
)
BATCH_NORM = Remedy(
    "Put batch normalization after each layer, before its nonlinearity",
    {"norm": "batch"},
    "nn.BatchNorm1d(width)  # nn.BatchNorm2d(channels) after a convolution",
)
GROUP_NORM = Remedy(
    "Use group or layer normalization, which needs no batch",
    {"norm": {"batch": "group"}},
    "nn.GroupNorm(8, channels)  # in place of nn.BatchNorm2d(channels)",
)
NORM_MOMENTUM = Remedy(
    "Re-estimate the running statistics with momentum 0.1",
    {"norm_momentum": 0.1},
    "nn.BatchNorm2d(channels, momentum=0.1)",
)
RELU_FOR_SIGMOID = Remedy(
    "Use ReLU in the hidden layers",
    {"activation": {"sigmoid": "relu", "tanh": "relu"}},
    "nn.ReLU()  # in place of nn.Sigmoid() or nn.Tanh()",
)
NO_LAST_ACTIVATION = Remedy(
    "Take the activation off the last layer",
    {"last_activation": "none"},
    "return self.head(x)  # no ReLU, tanh or sigmoid after it",
)
LOGITS = Remedy(
    "Hand the loss raw scores (logits)",
    {"criterion_input": "logits"},
    "loss = criterion(self.head(x), y)  # no softmax or sigmoid before it",
)
LOG_PROBABILITIES = Remedy(
    "Hand the loss log-probabilities",
    {"criterion_input": "log_probabilities"},
    "loss = criterion(torch.log_softmax(scores, dim=1), y)  # or nn.CrossEntropyLoss on the scores",
)
MEAN = Remedy(
    "Average the loss over the batch", {"reduction": "mean"}, "criterion = nn.CrossEntropyLoss(reduction='mean')"
)
MATCH_SHAPES = Remedy(
    "Give output and target the same shape",
    {"target_shape": "match"},
    "loss = criterion(output.squeeze(-1), target)  # both (N,)",
)
ZERO_GRAD = Remedy(
    "Clear the gradients before each backward pass",
    {"zero_grad": True},
    "optimizer.zero_grad()  # before loss.backward()",
)
ORDER = Remedy(
    "Mend the order of calls",
    {"order": "zero-backward-step"},
    "optimizer.zero_grad(); loss.backward(); optimizer.step()",
)
EVAL_MODE = Remedy("Validate in evaluation mode", {"val_mode": "eval"}, "model.eval()  # then model.train() again")
TRAIN_MODE = Remedy(
    "Train in training mode", {"train_mode": "train"}, "model.train()  # at the start of every training epoch"
)
POSITIVE = Remedy("Turn the loss's sign round", {"loss_sign": 1}, "loss = criterion(output, target)  # no minus")
ALL_PARAMETERS = Remedy(
    "Give the optimizer all of the model's parameters",
    {"optimize": "all"},
    "optimizer = torch.optim.Adam(model.parameters(), lr=lr)  # after the model is complete",
)
MODULE_LIST = Remedy("Register the layers", None, "self.layers = nn.ModuleList(layers)  # not a Python list")
UNDETACH = Remedy(
    "Let the gradient through",
    {"undetach": True},
    "# no .detach(), .data, .item(), numpy() or no_grad between the layers",
)
LOWER_LR = Remedy(
    "Lower the learning rate 10 times", {"lr": "*0.1"}, "for group in optimizer.param_groups: group['lr'] *= 0.1"
)
RAISE_LR = Remedy(
    "Raise the learning rate 10 times", {"lr": "*10"}, "for group in optimizer.param_groups: group['lr'] *= 10"
)


def advice(title: str, code: str | None = None) -> Remedy:
    """A remedy that no host can apply by itself."""
    return Remedy(title, None, code)


def lr_of(value: float) -> Remedy:
    """Set the learning rate to one value."""
    return Remedy(f"Set the learning rate to {value:.2g}", {"lr": float(f"{value:.2g}")}, f"lr={value:.2g}")
