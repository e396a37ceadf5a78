"""Where the statements come from: the lecture's sections and the papers behind them."""

from __future__ import annotations

from dataclasses import dataclass

NOTES = "https://cs231n.github.io/neural-networks"


@dataclass(frozen=True)
class Section:
    """A section of the lecture: the heading it stands under here, its title, and the notes that hold it."""

    part: str
    title: str
    url: str


@dataclass(frozen=True)
class Paper:
    """Where a statement was first made or measured."""

    name: str
    url: str = ""


PARTS = (
    "Activation functions", "Data preprocessing", "Weight initialization", "Batch normalization",
    "Babysitting the learning", "Hyperparameter search", "Monitoring",
)  # fmt: skip
ONE, TWO = "CS231n, Training Neural Networks I", "CS231n, Training Neural Networks II"
ACTIVATIONS = Section(PARTS[0], f"{ONE}: activation functions", f"{NOTES}-1/#actfun")
PREPROCESSING = Section(PARTS[1], f"{ONE}: data preprocessing", f"{NOTES}-2/#datapre")
INITIALIZATION = Section(PARTS[2], f"{ONE}: weight initialization", f"{NOTES}-2/#init")
NORMALIZATION = Section(PARTS[3], f"{ONE}: batch normalization", f"{NOTES}-2/#batchnorm")
BABYSITTING = Section(PARTS[4], f"{ONE}: babysitting the learning process", f"{NOTES}-3/#sanitycheck")
SEARCH = Section(PARTS[5], f"{ONE}: hyperparameter optimization", f"{NOTES}-3/#hyper")
MONITORING = Section(PARTS[6], f"{TWO}: babysitting the learning process", f"{NOTES}-3/#baby")

GLOROT_2010 = Paper("Glorot & Bengio 2010", "https://proceedings.mlr.press/v9/glorot10a.html")
HE_2015 = Paper("He et al. 2015", "https://arxiv.org/abs/1502.01852")
KRIZHEVSKY_2012 = Paper(
    "Krizhevsky et al. 2012",
    "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
)
KRIZHEVSKY_2009 = Paper("Krizhevsky 2009", "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf")
LECUN_1998 = Paper("LeCun et al. 1998, Efficient BackProp", "http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf")
MAAS_2013 = Paper("Maas et al. 2013", "https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf")
LU_2019 = Paper("Lu et al. 2019, Dying ReLU and initialization", "https://arxiv.org/abs/1903.06733")
CLEVERT_2015 = Paper("Clevert et al. 2015", "https://arxiv.org/abs/1511.07289")
GOODFELLOW_2013 = Paper("Goodfellow et al. 2013", "https://arxiv.org/abs/1302.4389")
IOFFE_2015 = Paper("Ioffe & Szegedy 2015", "https://arxiv.org/abs/1502.03167")
BERGSTRA_2012 = Paper("Bergstra & Bengio 2012", "https://www.jmlr.org/papers/v13/bergstra12a.html")
JAMIESON_2016 = Paper("Jamieson & Talwalkar 2016", "https://arxiv.org/abs/1502.07943")
BOTTOU_2012 = Paper("Bottou 2012, Stochastic gradient descent tricks", "https://doi.org/10.1007/978-3-642-35289-8_25")
BENGIO_2012 = Paper("Bengio 2012, Practical recommendations", "https://arxiv.org/abs/1206.5533")
SMITH_2017 = Paper("Smith 2017, Cyclical learning rates", "https://arxiv.org/abs/1506.01186")
SIMONYAN_2014 = Paper("Simonyan & Zisserman 2014", "https://arxiv.org/abs/1409.1556")
KAUFMAN_2012 = Paper("Kaufman et al. 2012, Leakage in data mining", "https://doi.org/10.1145/2382577.2382579")
ZHANG_2017 = Paper("Zhang et al. 2017, Rethinking generalization", "https://arxiv.org/abs/1611.03530")
GEMAN_1992 = Paper("Geman et al. 1992, Bias and variance", "https://doi.org/10.1162/neco.1992.4.1.1")
