"""SAM's command line for an emulated AWS: tests/deploy/test_site.py gives it to `make site` as `sam`.

It runs on the Python of SAM's own environment. `build` takes a tree that is built already (BUILT_TREE)
instead of building it anew, which takes half a minute each time; where that is not set, it is SAM's own.
`package` is SAM's own, with its uploads. CloudFormation then transforms SAM's templates; the emulated one
does not do so for a stack within a stack. It is done here, by SAM's own library.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import boto3
from samcli.yamlhelper import yaml_dump, yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def option(name: str) -> Path:
    return Path(sys.argv[sys.argv.index(name) + 1])


def build(tree: str) -> None:
    """As SAM leaves it: the templates in the folder, with the way to what was built."""
    folder, outer = option("--build-dir"), option("--template")
    inner = yaml_parse((outer.parent / "template.yaml").read_text("utf-8"))
    inner["Resources"]["ChatFunction"]["Properties"]["CodeUri"] = tree
    del inner["Resources"]["ChatFunction"]["Metadata"]
    (folder / "Chat").mkdir(parents=True, exist_ok=True)
    (folder / "Chat/template.yaml").write_text(yaml_dump(inner), "utf-8")
    built = yaml_parse(outer.read_text("utf-8"))
    built["Resources"]["Chat"]["Properties"]["Location"] = "Chat/template.yaml"
    (folder / "template.yaml").write_text(yaml_dump(built), "utf-8")


def transform(path: Path) -> None:
    packaged = yaml_parse(path.read_text("utf-8"))
    where = packaged["Resources"]["Chat"]["Properties"]
    bucket, key = urlparse(where["Location"]).path.lstrip("/").split("/", 1)
    store = boto3.client("s3")
    inner = yaml_parse(store.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    resources = inner["Resources"]
    for name in [name for name in resources if "Metrics" in resources[name].get("Properties", {})]:
        del resources[name]  # an alarm that calculates, which the emulated CloudWatch does not have
    store.put_object(Bucket=bucket, Key=f"{key}.json", Body=json.dumps(translated(inner)))
    where["Location"] += ".json"
    whole = json.dumps(translated(packaged))
    # The emulated API calls a function in one way only, which gives a whole answer.
    path.write_text(whole.replace("/response-streaming-invocations", "/invocations"), "utf-8")


def translated(template: dict[str, object]) -> dict[str, object]:
    made: dict[str, object] = Translator({}, Parser()).translate(template, {})
    return made


if __name__ == "__main__":
    logging.disable()
    os.environ["AWS_DEFAULT_REGION"] = str(option("--region"))
    if sys.argv[1] == "build" and (tree := os.environ.get("BUILT_TREE")):
        build(tree)
        sys.exit()
    given = sys.argv[1:]
    if (
        "--resolve-s3" in given
    ):  # SAM's own bucket comes by a stack of SAM's, which is a template to transform, too
        given[given.index("--resolve-s3") : given.index("--resolve-s3") + 1] = ["--s3-bucket", "artifacts"]
    done = subprocess.run([Path(sys.executable).with_name("sam"), *given], check=False)
    if done.returncode == 0 and sys.argv[1] == "package":
        transform(option("--output-template-file"))
    sys.exit(done.returncode)
