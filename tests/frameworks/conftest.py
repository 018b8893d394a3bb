"""Apps as the users of each framework write them, on a Python that has no package of c1fn's chat.

`make frameworks` sets that Python up and names it. Without it these tests are not collected.
"""

import os
from pathlib import Path

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", "")
APPS = Path(__file__).parent / "apps"

collect_ignore_glob = [] if PYTHON else ["test_*.py"]
