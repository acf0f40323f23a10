"""What torch-fidelity says of features that tests/test_metrics.py measures too.

    pip install torch torchvision torch-fidelity
    python benchmarks/metrics_parity.py

Rows go to results/metrics_parity.csv. PyTorch is several GB where it comes with CUDA, so the tests
read the recorded numbers instead of asking again; ours stand beside theirs in the test's output.
Only torch-fidelity's mathematics is asked, of features in float64: no network is involved.
"""

import csv
from pathlib import Path

import numpy as np

PATH = Path(__file__).parent.parent / "results" / "metrics_parity.csv"


def features():
    """Real [600, 24] and generated [500, 24] features, and logits [1000, 10]; RandomState's
    streams are frozen, so they are the same with any NumPy."""
    draw = np.random.RandomState(0)
    mixed = draw.normal(size=(24, 24)) / 4 + np.eye(24)
    real = draw.normal(size=(600, 24)) @ mixed
    fake = 0.9 * draw.normal(size=(500, 24)) @ mixed + 0.2
    return real, fake, 2 * draw.normal(size=(1000, 10))


def main():
    import torch
    import torch_fidelity
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake, logits = map(torch.from_numpy, features())
    statistics = map(fid_features_to_statistics, (real, fake))
    whole = {"kid_subsets": 1, "kid_subset_size": 500, "verbose": False}  # every row once
    theirs = {
        **fid_statistics_to_metric(*statistics, False),
        **kid_features_to_metric(fake, real[:500], **whole),
        **prc_features_to_metric(fake, real, prc_neighborhood=5, verbose=False),
        **isc_features_to_metric(logits, splits=1, shuffle=False),
    }
    with open(PATH, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "value", "torch-fidelity", "torch", "command"])
        version = getattr(torch_fidelity, "__version__", "")
        for name, value in theirs.items():
            if "_std" not in name:  # over one subset
                command = "python benchmarks/metrics_parity.py"
                writer.writerow([name, repr(float(value)), version, torch.__version__, command])
    print(PATH.read_text())


if __name__ == "__main__":
    main()
