"""Lint many templates in one process: starting cfn-lint takes as long as a template does.

    .cache/deploy/bin/python scripts/lint_stacks.py <asked.json

reads a list of ``{"template": …, "regions": […], "ignored": […]}`` and writes what is found in each: a text,
empty where nothing is.

https://github.com/aws-cloudformation/cfn-lint
"""

import json
import sys
from typing import Any

from cfnlint.api import ManualArgs, lint


def found(asked: dict[str, Any]) -> str:
    config = ManualArgs(regions=asked["regions"], ignore_checks=asked["ignored"])
    return "\n".join(map(str, lint(json.dumps(asked["template"]), config=config)))


if __name__ == "__main__":
    json.dump([found(each) for each in json.load(sys.stdin)], sys.stdout)
