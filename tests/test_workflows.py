"""What GitHub runs: whose code it is, what an input can do, and which job may ask for the role's token."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / ".github/workflows"
TEXTS = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yml"))}
DEPLOY: dict[Any, Any] = yaml.safe_load(TEXTS["deploy.yml"])
INPUTS = DEPLOY[True]["workflow_dispatch"]["inputs"]  # YAML 1.1 reads the word "on" as true

PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DEPLOY["jobs"][job]["steps"]
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_an_action_is_named_by_its_commit(name: str) -> None:
    """A tag can be moved to other code: https://nvd.nist.gov/vuln/detail/CVE-2025-30066"""
    used = re.findall(r"uses: (.+)", TEXTS[name])
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_only_the_job_that_deploys_may_ask_for_the_roles_token() -> None:
    """A permission is a whole job's: so what is built is built in another one."""
    assert DEPLOY["permissions"] == {"contents": "read"}
    asking = {name for name, job in DEPLOY["jobs"].items() if "id-token" in job.get("permissions", {})}
    assert asking == {"deploy"}
    assert "sam build" not in str(steps("deploy"))


def test_no_expression_stands_in_a_command() -> None:
    for text in TEXTS.values():
        for job in yaml.safe_load(text)["jobs"].values():
            assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_nothing_is_deployed_that_nobody_named() -> None:
    """A default would put its own model in place of the dated one that runs."""
    assert [name for name, told in INPUTS.items() if "default" in told] == []


def check(model: str) -> int:
    """What the workflow's own first step says to a model's name."""
    step = steps("build")[0]
    assert step["env"] == {"MODEL": "${{ inputs.model }}"}
    shell = shutil.which("bash") or "bash"
    done = subprocess.run([shell, "-e", "-c", step["run"]], env={"MODEL": model}, check=False)
    return done.returncode


@pytest.mark.parametrize(
    "model", ["", "c1-nightly", "c1/anthropic/claude-sonnet-4/v-20251230", "gpt-4.1:mini"]
)
def test_a_models_name_may_be_deployed(model: str) -> None:
    assert check(model) == 0


@pytest.mark.parametrize(
    "model",
    [
        "c1 UrlAuth=NONE",
        "c1 UrlAuth=NONE Auth=none",
        "c1\nUrlAuth=NONE",
        "c1\tUrlAuth=NONE",
        "c1,UrlAuth=NONE",
        "c1 --role-arn x",
        "--guided",
        '"c1',
        "c1=x",
        "ParameterKey=UrlAuth,ParameterValue=NONE",
        "$(id)",
        "é",
        "x" * 57,
    ],
)
def test_nothing_else_passes_as_one(model: str) -> None:
    assert check(model) == 1
