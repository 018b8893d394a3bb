"""Servers that others wrote: `make mcp-servers` installs them and names the folder of those from PyPI.

Without it these tests are not collected.
"""

import os
from pathlib import Path

HERE = Path(__file__).parent
PYPI = Path(os.environ.get("MCP_SERVERS", ""))
EVERYTHING = HERE / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"

collect_ignore_glob = [] if PYPI.name else ["test_*.py"]
