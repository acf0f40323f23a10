"""The documentation site: `sphinx-build -c docs . site` from the root of the checkout.

The source folder is the root, so that the README, the notebooks and all links to files work as they
do on GitHub. Notebooks are shown as they are stored, and nothing is fetched from the network.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import ganzoo

project = "ganzoo"
author = "The ganzoo developers"
version = release = ganzoo.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_nb"]
root_doc = "docs/index"
include_patterns = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "results/README.md",
    "cluster/README.md", "export/*/README.md", "colab/*.ipynb",
]  # fmt: skip

html_theme = "furo"
html_title = f"ganzoo {version}"
html_copy_source = False

nb_execution_mode = "off"
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst.header"]  # the README begins sections at the second level

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
