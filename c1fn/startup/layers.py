"""The packages of a function's layers, found as AWS's own bootstrap finds them: after the function's own
files, before Python's.

Lambda unpacks layers into /opt. An exec wrapper takes the place of AWS's bootstrap, which looks there.

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
