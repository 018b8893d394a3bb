"""The CloudFormation that SAM makes of template.yaml, printed as JSON, with the parameters' defaults.

Runs on the Python of SAM's own environment, offline: .cache/deploy/bin/python scripts/translate.py
"""

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
    translated = Translator({}, Parser()).translate(template, {})
    json.dump(translated, sys.stdout, indent=1)
