"""Trains on a torch DataLoader: `pip install torch`, then run this file."""

import numpy as np
import torch

import ganzoo

rows = list(ganzoo.data.load("digits").as_numpy_iterator())
images = torch.from_numpy(np.stack([row["image"] for row in rows]))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=64)

gan = ganzoo.get("lsgan", width=16)
gan.fit(loader, epochs=1)
samples = gan.sample(10)
