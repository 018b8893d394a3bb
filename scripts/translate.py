"""The CloudFormation that SAM makes of template.yaml, or of the template that is named, printed as JSON.

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

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    logging.disable()
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    named = [name for name in sys.argv[1:] if name != "-"] or ["template.yaml"]
    template = yaml_parse((ROOT / named[0]).read_text("utf-8"))
    if function := template["Resources"].get("ChatFunction"):
        function["Properties"]["CodeUri"] = "s3://bucket/function.zip"  # as uploaded
    several = "-" in sys.argv
    translated = [
        Translator({}, Parser()).translate(copy.deepcopy(template), parameters)
        for parameters in (json.load(sys.stdin) if several else [{}])
    ]
    json.dump(translated if several else translated[0], sys.stdout, indent=1)
