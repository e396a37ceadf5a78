"""Takes the pictures of the pages that README and docs show, from real runs made here and now.

    python docs/screenshots.py [--runs FOLDER]

Needs Chromium and playwright. Trains digits with its search, watches a healthy script and one whose learning rate is far too high,
serves the folder, and photographs it: light, dark, narrow, a sick run, a study, the list, a report.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babysit.views.dashboard import serve

HERE = Path(__file__).parent
IMAGES = HERE / "images"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

HEALTHY = """
import sys, torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=float(sys.argv[1]), momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    for index in torch.randperm(1400).split(50):
        optimizer.zero_grad()
        loss = criterion(net(x[:1400][index]), y[:1400][index])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        net.eval()
        print(epoch, criterion(net(x[1400:]), y[1400:]).item())
        net.train()
"""


def make(folder: Path) -> None:
    """The real runs."""
    from babysit.trainer.folder import finished

    script = folder / "train.py"
    folder.mkdir(parents=True, exist_ok=True)
    script.write_text(HEALTHY)
    babysit = [sys.executable, "-m", "babysit"]
    if not finished(folder / "runs" / "digits"):
        subprocess.run([*babysit, "train", "digits", "--time", "4m", "--out", "runs/digits"], cwd=folder, check=True)
    sick = HERE.parent / "examples" / "sick" / "rate_too_high.py"
    for name, words in (("too-high", [str(sick)]), ("healthy", [str(script), "0.05"])):
        if not (folder / "runs" / name).exists():
            watch = ["watch", "--overhead", "all", "--out", f"runs/{name}", *words]
            subprocess.run([*babysit, *watch], cwd=folder, check=False)


def photograph(folder: Path) -> None:
    """The pictures."""
    from playwright.sync_api import sync_playwright

    from babysit.cli._judge import judge

    IMAGES.mkdir(exist_ok=True)
    studies = sorted(
        path.parent.relative_to(folder / "runs").as_posix() for path in (folder / "runs").rglob("study.json")
    )
    with serve(folder / "runs", port=0, judge=judge) as served, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        report = (folder / "runs" / "digits" / "report.html").resolve().as_uri()
        wanted = [
            ("page-list", f"{served.url}#/", 1280, 420, "light"),
            ("page-light", f"{served.url}#/run/healthy", 1280, 1500, "light"),
            ("page-dark", f"{served.url}#/run/healthy", 1280, 1500, "dark"),
            ("page-narrow", f"{served.url}#/run/too-high", 400, 1500, "light"),
            ("page-sick", f"{served.url}#/run/too-high", 1280, 1500, "light"),
            ("page-compare", f"{served.url}#/compare/healthy/too-high", 1280, 800, "light"),
            ("report", report, 1280, 1500, "light"),
            *[
                ("page-study", f"{served.url}#/study/{name.replace('/', '%2F')}", 1280, 1500, "light")
                for name in studies[:1]
            ],
        ]
        for name, url, width, height, scheme in wanted:
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector(".card .main-svg, .list tbody tr", timeout=120_000)
            page.wait_for_timeout(2500)
            page.screenshot(path=IMAGES / f"{name}.png")
            context.close()
        chromium.close()


def main() -> None:
    """Make the runs where they aren't there yet, and photograph them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder, and use those that are there")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if chosen.runs:
        make(chosen.runs)
        photograph(chosen.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            photograph(Path(folder))


if __name__ == "__main__":
    main()
