"""The documentation site: `sphinx-build -W -c docs . site`, from the root of the checkout.

The source folder is the root, so that the README, the notebooks and all links to files work as they
do on GitHub. Notebooks are shown as they are stored, and nothing is fetched from the network.
"""

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import latex2mathml.converter
from docutils import nodes

import ganzoo

project = "ganzoo"
author = "The ganzoo developers"
version = release = ganzoo.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_nb"]
root_doc = "docs/index"
include_patterns = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "results/*.md",
    "cluster/README.md", "export/*/README.md", "colab/*.ipynb",
]  # fmt: skip

html_theme = "furo"
html_title = f"ganzoo {version}"
html_copy_source = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]

nb_execution_mode = "off"
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"  # browsers show it without a script

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "count, index"}  # of named tuples
napoleon_use_ivar = True


def as_restructured_text(app, what, name, obj, options, lines):
    """Docstrings are plain text with code between backticks: marks of reStructuredText are escaped
    outside of the code, and what is indented after an empty line, such as equations, is shown as it
    is written."""
    shown, literal, deeper = [], None, ""  # literal: the indentation of the text around a block
    for line in lines:
        indentation = len(line) - len(line.lstrip())
        if literal is not None and line and indentation <= literal:
            literal = None
        if literal is None and line and len(shown) > 1 and not shown[-1] and shown[-2]:
            around = len(shown[-2]) - len(shown[-2].lstrip())
            if indentation >= around + 4:
                literal = around
                deeper = "    " * (shown[-2].strip() in ("Example:", "Examples:"))
                shown += [" " * around + deeper + "::", ""]
        if literal is None:
            parts = re.split(r"(``.+?``|`[^`]+`)", line)
            parts[::2] = [re.sub(r"([*|_])", r"\\\1", part) for part in parts[::2]]
            parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
            line = "".join(parts)
        shown.append(deeper + line if literal is not None and line else line)
    lines[:] = shown


def mathml(self, node):
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    # before napoleon, whose own marks must stay
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)
