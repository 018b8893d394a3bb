"""The CloudFormation that SAM makes of template.yaml, printed as JSON.

Runs on the Python of SAM's own environment, offline: .cache/deploy/bin/python scripts/translate.py
With `-` it reads a JSON list of parameters by name, and prints a list: one translation for each.
"""

import copy
import json
import logging
import os
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"

if __name__ == "__main__":
    logging.disable()
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = yaml_parse(TEMPLATE.read_text("utf-8"))
    template["Resources"]["ChatFunction"]["Properties"]["CodeUri"] = "s3://bucket/function.zip"  # as uploaded
    several = sys.argv[1:] == ["-"]
    translated = [
        Translator({}, Parser()).translate(copy.deepcopy(template), parameters)
        for parameters in (json.load(sys.stdin) if several else [{}])
    ]
    json.dump(translated if several else translated[0], sys.stdout, indent=1)
