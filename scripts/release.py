"""Checks that a tag, the code and the changelog name one version, and prints the changelog's words for it.

python scripts/release.py v0.2.0
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

HEADING = re.compile(r"^## (?P<version>\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", re.MULTILINE)
"""https://keepachangelog.com/en/1.1.0/"""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: release.py TAG", file=sys.stderr)
        return 2
    try:
        print(notes(arguments[0]))
    except ValueError as error:
        print(f"release.py: {error}", file=sys.stderr)
        return 1
    return 0


def notes(tag: str, root: Path = ROOT) -> str:
    """The changelog's words for this tag.

    :raises ValueError: the tag is not the one that this code is to be released by.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    code = re.search(r'^__version__ = "(.+)"$', (root / "c1fn/__init__.py").read_text("utf-8"), re.MULTILINE)
    if code is None or code[1] != project:
        raise ValueError(f"pyproject.toml says {project}, c1fn/__init__.py {code and code[1]}")
    if tag != f"v{project}":
        raise ValueError(f"the code is {project}: its tag is v{project}, not {tag}")
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    newest = HEADING.search(changelog)
    if newest is None or newest["version"] != project:
        raise ValueError(f"CHANGELOG.md does not begin with a dated {project}, as: ## {project} - 2026-01-31")
    after = changelog.find("\n## ", newest.end())
    return changelog[newest.end() : after if after >= 0 else None].strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
