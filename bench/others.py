"""Training scripts written by others, run as they are and watched: does any break, change, or get a false error?

    python bench/others.py CHECKOUTS [--only NAME,…] [--json FILE]

CHECKOUTS is a folder that holds checkouts of the repositories below, each named owner_repository; those
missing are left out. Nothing of them is part of this project. Where a script wants torchvision's data sets, which
need a download, `bench/standin` gives it scikit-learn's digits in their shapes.

For each script: its exit code plain and watched, the ratio of the times (one run each: these are for finding a
break, not for measuring; `bench/watching.py` measures), and the findings.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 90


@dataclass(frozen=True)
class Script:
    """One script of others: where it stands and how it is started."""

    name: str
    folder: str
    command: str


E = "pytorch_examples"
Y = "yunjey_pytorch-tutorial/tutorials"
M = "MorvanZhou_PyTorch-Tutorial/tutorial-contents"
G = "eriklindernoren_PyTorch-GAN/implementations"
K = "karpathy_makemore"
SCRIPTS = [
    Script("mnist", f"{E}/mnist", "main.py --epochs 2 --no-accel --batch-size 32"),
    Script("mnist-rnn", f"{E}/mnist_rnn", "main.py --epochs 2"),
    Script("vae", f"{E}/vae", "main.py --epochs 2 --no-accel"),
    Script("siamese", f"{E}/siamese_network", "main.py --epochs 1 --no-accel"),
    Script("dcgan", f"{E}/dcgan", "main.py --dataset fake --niter 1 --ngf 8 --ndf 8 --workers 0"),
    Script("time-sequence", f"{E}/time_sequence_prediction", "train.py --steps 1"),
    Script("reinforce", f"{E}/reinforcement_learning", "reinforce.py"),
    Script("forward-forward", f"{E}/mnist_forward_forward", "main.py --epochs 2 --no_accel"),
    Script("polynomial", f"{E}/regression", "main.py"),
    Script("linear", f"{Y}/01-basics/linear_regression", "main.py"),
    Script("logistic", f"{Y}/01-basics/logistic_regression", "main.py"),
    Script("feedforward", f"{Y}/01-basics/feedforward_neural_network", "main.py"),
    Script("cnn", f"{Y}/02-intermediate/convolutional_neural_network", "main.py"),
    Script("rnn", f"{Y}/02-intermediate/recurrent_neural_network", "main.py"),
    Script("birnn", f"{Y}/02-intermediate/bidirectional_recurrent_neural_network", "main.py"),
    Script("vae-mlp", f"{Y}/03-advanced/variational_autoencoder", "main.py"),
    Script("regression-plot", M, "301_regression.py"),
    Script("classification-plot", M, "302_classification.py"),
    Script("batches", M, "305_batch_train.py"),
    Script("optimizers", M, "306_optimizer.py"),
    Script("autoencoder", M, "404_autoencoder.py"),
    Script("dropout", M, "503_dropout.py"),
    Script("gan-curve", M, "406_GAN.py"),
    Script("gan", f"{G}/gan", "gan.py --n_epochs 2 --n_cpu 0"),
    Script("wgan-gp", f"{G}/wgan_gp", "wgan_gp.py --n_epochs 2"),
    Script("acgan", f"{G}/acgan", "acgan.py --n_epochs 1"),
    Script("makemore-mlp", K, "makemore.py -i names.txt --type mlp --max-steps 400 -o {tmp}/1"),
    Script("makemore-gru", K, "makemore.py -i names.txt --type gru --max-steps 200 -o {tmp}/2"),
    Script("makemore-transformer", K, "makemore.py -i names.txt --max-steps 200 -o {tmp}/3"),
    Script("makemore-bigram", K, "makemore.py -i names.txt --type bigram --max-steps 300 -o {tmp}/4"),
    Script("mingpt-adder", "karpathy_minGPT", "projects/adder/adder.py --trainer.max_iters=150 --model.model_type=gpt-nano --trainer.num_workers=0"),
]  # fmt: skip


def run(script: Script, root: Path, watched: Path | None, tmp: str) -> tuple[int | str, float, str]:
    """Exit code (or "time"), seconds and the end of stderr."""
    folder = root / script.folder
    words = script.command.format(tmp=tmp).split()
    watch = ["-m", "babysit", "watch", "--no-record", "--json", str(watched)] if watched else []
    path = os.pathsep.join([str(HERE / "standin"), str(root / script.folder.split("/")[0])])
    env = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, *watch, *words], cwd=folder, env=env, capture_output=True, text=True,
            timeout=SECONDS, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "time", SECONDS, ""
    return done.returncode, time.perf_counter() - began, done.stderr[-400:]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    rows = []
    print(f"{'script':22}{'plain':>7}{'watched':>9}{'ratio':>7}  verdict")
    with tempfile.TemporaryDirectory() as tmp:
        for script in SCRIPTS:
            if (only and script.name not in only) or not (options.checkouts / script.folder).is_dir():
                continue
            plain, seconds, _ = run(script, options.checkouts, None, tmp)
            file = Path(tmp) / f"{script.name}.json"
            watched, longer, error = run(script, options.checkouts, file, tmp)
            verdict = json.loads(file.read_text()) if file.is_file() else {"status": "none", "findings": []}
            found = [(one["id"], one["severity"]) for one in verdict["findings"] if one["severity"] != "info"]
            rows.append(
                {
                    "name": script.name,
                    "plain": plain,
                    "watched": watched,
                    "status": verdict["status"],
                    "findings": found,
                }
            )
            print(
                f"{script.name:22}{plain!s:>7}{watched!s:>9}{longer / seconds:7.2f}  {verdict['status']} {found or ''}",
                flush=True,
            )
            if plain != watched:
                print(f"    {error}")
    broken = sum(row["plain"] != row["watched"] for row in rows)
    errors = sum(any(severity == "error" for _, severity in row["findings"]) for row in rows)
    print(f"{len(rows)} scripts, {broken} with another exit code when watched, {errors} with an error")
    if options.json:
        options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
