"""A GAN of table columns behind a scikit-learn pipeline that scales them, and back again."""

from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

import ganzoo

wine = load_wine(as_frame=True).data
scale = make_pipeline(PowerTransformer(), StandardScaler())
rows = scale.fit_transform(wine)

gan = ganzoo.get("r1gan", width=64, seed=0)
gan.fit(rows, batch_size=32, steps_per_epoch=300, verbose=0)
new = scale.inverse_transform(gan.sample(5, seed=0))
