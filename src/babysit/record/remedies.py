"""Remedies that rules and checks propose, each written once: a title, the edit that a host can apply live, and the line a user would write.

The vocabulary of edits is documented in docs/edits.md; a remedy whose edit is None is advice.
"""

from __future__ import annotations

from .finding import Remedy

LOWER_LR = Remedy(
    "Lower the learning rate 10 times", {"lr": "*0.1"}, "for group in optimizer.param_groups: group['lr'] *= 0.1"
)
LOWER_LR_3 = Remedy(
    "Lower the learning rate 3 times", {"lr": "*0.333"}, "for group in optimizer.param_groups: group['lr'] /= 3"
)
RAISE_LR = Remedy(
    "Raise the learning rate 10 times", {"lr": "*10"}, "for group in optimizer.param_groups: group['lr'] *= 10"
)
RAISE_LR_100 = Remedy(
    "Raise the learning rate 100 times", {"lr": "*100"}, "for group in optimizer.param_groups: group['lr'] *= 100"
)
WARM_UP = Remedy(
    "Warm the learning rate up over the first 5 % of the steps",
    {"warmup": 0.05},
    "scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=steps // 20)",
)
CONSTANT_LR = Remedy(
    "Hold the learning rate constant",
    {"schedule": "constant"},
    "# leave scheduler.step() out, or call it once an epoch",
)
CLIP = Remedy(
    "Clip the gradient's norm at the 90th percentile of what was seen",
    {"clip_norm": "p90"},
    "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # between backward and step",
)
NO_CLIP = Remedy("Leave gradient clipping out", {"clip_norm": None}, "# remove clip_grad_norm_")
ADAM = Remedy(
    "Use Adam, which rescales every gradient by its own size",
    {"optimizer": "adam", "lr": 1e-3},
    "optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)",
)
EPS = Remedy(
    "Set the optimizer's epsilon to 1e-8",
    {"eps": 1e-8},
    "optimizer = torch.optim.Adam(model.parameters(), lr=lr, eps=1e-8)",
)
LARGER_EPS = Remedy(
    "Raise the optimizer's epsilon", {"eps": 1e-6}, "optimizer = torch.optim.Adam(model.parameters(), lr=lr, eps=1e-6)"
)
BETAS = Remedy(
    "Use Adam's usual betas",
    {"betas": [0.9, 0.999]},
    "optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.999))",
)

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
SAME_PREPROCESSING = Remedy(
    "Prepare validation inputs exactly as training inputs",
    {"val_preprocess": "as_train"},
    "x_val = (x_val - x_train.mean(0)) / x_train.std(0)",
)
SKIP_NONFINITE = Remedy(
    "Leave out examples with NaN or infinity",
    {"drop_nonfinite": True},
    "keep = torch.isfinite(x).flatten(1).all(1); x, y = x[keep], y[keep]",
)
SHUFFLE = Remedy("Shuffle the training examples", {"shuffle": True}, "DataLoader(train, batch_size=…, shuffle=True)")
NEXT_BATCH = Remedy(
    "Take a new batch at every step",
    {"fresh_batches": True},
    "for x, y in loader:  # not next(iter(loader)) inside the loop",
)
CLASS_WEIGHTS = Remedy(
    "Weight the classes by their inverse frequency",
    {"class_weights": "balanced"},
    "criterion = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))",
)
OUTPUT_BIAS = Remedy(
    "Start the output's bias at the base rate",
    {"output_bias": "prior"},
    "model.head.bias.data = torch.log(class_frequencies)  # regression: y_train.mean()",
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
LEAKY = Remedy(
    "Use leaky ReLU, which has a gradient everywhere",
    {"activation": {"relu": "leaky_relu"}},
    "nn.LeakyReLU(0.01)  # in place of nn.ReLU()",
)
RELU_FOR_SIGMOID = Remedy(
    "Use ReLU in the hidden layers",
    {"activation": {"sigmoid": "relu", "tanh": "relu"}},
    "nn.ReLU()  # in place of nn.Sigmoid() or nn.Tanh()",
)
TANH_FOR_SIGMOID = Remedy(
    "Use tanh, which is centred on zero", {"activation": {"sigmoid": "tanh"}}, "nn.Tanh()  # in place of nn.Sigmoid()"
)
INSERT_RELU = Remedy(
    "Put a ReLU between the layers",
    {"activation": {"none": "relu"}},
    "nn.Sequential(nn.Linear(…), nn.ReLU(), nn.Linear(…))",
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
NO_LAST_ACTIVATION = Remedy(
    "Take the activation off the last layer",
    {"last_activation": "none"},
    "return self.head(x)  # no ReLU, tanh or softmax after it; a sigmoid before nn.BCELoss",
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
CROSS_ENTROPY = Remedy(
    "Use cross-entropy with one output per class",
    {"criterion": "cross_entropy"},
    "criterion = nn.CrossEntropyLoss()  # scores (N, K), labels (N,) as integers",
)
BCE = Remedy(
    "Use one yes-or-no loss per label",
    {"criterion": "bce_with_logits"},
    "criterion = nn.BCEWithLogitsLoss()  # scores and targets (N, K)",
)
MEAN = Remedy(
    "Average the loss over the batch", {"reduction": "mean"}, "criterion = nn.CrossEntropyLoss(reduction='mean')"
)
POSITIVE = Remedy("Turn the loss's sign round", {"loss_sign": 1}, "loss = criterion(output, target)  # no minus")
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
UNFREEZE = Remedy(
    "Unfreeze the parameters",
    {"unfreeze": "all"},
    "for parameter in model.parameters(): parameter.requires_grad_(True)",
)
EVAL_MODE = Remedy(
    "Validate in evaluation mode",
    {"val_mode": "eval"},
    "model.eval()\nwith torch.no_grad(): …  # then model.train() again",
)
TRAIN_MODE = Remedy(
    "Train in training mode", {"train_mode": "train"}, "model.train()  # at the start of every training epoch"
)

NO_DECAY = Remedy(
    "Leave weight decay out",
    {"weight_decay": 0.0},
    "optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=0)",
)
LESS_DECAY = Remedy("Weaken weight decay 10 times", {"weight_decay": "*0.1"}, "weight_decay=0.1 * weight_decay")
MORE_DECAY = Remedy(
    "Add weight decay",
    {"weight_decay": 1e-2},
    "optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)",
)
NO_PENALTY = Remedy(
    "Leave the penalty on the weights out of the loss",
    {"penalty": 0.0},
    "loss = criterion(output, target)  # and nothing that is made of the weights",
)
NO_DROPOUT = Remedy("Leave dropout out", {"dropout": 0.0}, "nn.Dropout(0.0)")
DROPOUT = Remedy("Add dropout", {"dropout": 0.5}, "nn.Dropout(0.5)  # after the hidden layers")
STOP_EARLY = Remedy(
    "Stop where validation was best",
    {"patience": 5},
    "# keep the weights of the best validation, stop after 5 passes without a better one",
)
LONGER = Remedy("Train longer", {"epochs": "*3"}, "epochs = 3 * epochs")
WIDER = Remedy("Give the network more units", {"width": "*4"}, "nn.Linear(inputs, 4 * width)")
SMALLER_BATCH = Remedy(
    "Use smaller batches, so that more updates happen", {"batch": "*0.25"}, "DataLoader(train, batch_size=batch // 4)"
)
LARGER_BATCH = Remedy("Use larger batches", {"batch": "*4"}, "DataLoader(train, batch_size=4 * batch)")
FLOAT32 = Remedy("Compute in float32", {"precision": "float32"}, "# leave autocast out, or use bfloat16")


def lr_of(value: float) -> Remedy:
    """Set the learning rate to one value, of two significant digits.

    >>> lr_of(0.0123).edit
    {'lr': 0.012}
    """
    return Remedy(f"Set the learning rate to {value:.2g}", {"lr": float(f"{value:.2g}")}, f"lr={value:.2g}")


def advice(title: str, code: str | None = None) -> Remedy:
    """A remedy that no host can apply by itself."""
    return Remedy(title, None, code)
