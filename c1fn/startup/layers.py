"""Makes the packages in a function's layers importable, in the order of AWS's own bootstrap: after the
function's own files, before Python's.

Lambda unpacks layers into /opt. AWS's bootstrap searches there, but an exec wrapper replaces it.

https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
"""

import site
import sys
from pathlib import Path

OPT = "/opt/python"


def add(opt: str = OPT) -> None:
    """Make what lies in layers importable; read the .pth files there and beside the function's own code."""
    own, version = sys.path[0], f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [folder for folder in (f"{opt}/lib/{version}/site-packages", opt) if Path(folder).is_dir()]
    sys.path[1:1] = [folder for folder in found if folder not in sys.path]
    for folder in (own, *found):
        site.addsitedir(folder, set(sys.path))
