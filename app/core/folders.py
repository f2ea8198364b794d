"""Where the portal's files are: those that come with it, and those that it writes.

In a checkout both are in the project's folder. The wheel has templates, static files, migrations,
documents and translations in the package ``app`` (``pyproject.toml`` says so), and an installed
portal writes to the folder in which it is started.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
IS_INSTALLED: Final = (PACKAGE / "templates").is_dir()
PROJECT: Final = PACKAGE if IS_INSTALLED else PACKAGE.parent
"""Where ``templates/``, ``static/``, ``migrations/`` and ``docs/`` are."""
BASE: Final = Path.cwd() if IS_INSTALLED else PACKAGE.parent
"""Where ``instance/`` is, and where relative paths of settings begin."""
PYTHON: Final = (sys.executable, "-P") if IS_INSTALLED else (sys.executable,)
"""The interpreter for the portal's own processes. Those of an installed portal must not load an
``app`` that happens to be in the folder in which it was started."""
