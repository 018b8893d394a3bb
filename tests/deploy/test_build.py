"""The package: what is in it, how large it is, and that it serves with nothing else beside it."""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx2
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from c1fn.local import package
from c1fn.local.package import archive, authorities
from c1fn.local.package import tree as trees
from c1fn.local.package.record import SETTINGS
from c1fn.runtime.emulator import Emulator
from tests import wheel
from tests.deploy.conftest import ARCHITECTURE, ROOT, TOOLS, build, run
from tests.test_pins import requirements

pytestmark = pytest.mark.timeout(1800)  # seconds: a build compiles some three thousand modules

BUDGET = 16 * 1024 * 1024
"""Bytes of the zip, ours and not Lambda's: a start downloads it. What a deployment adds is its own affair."""

MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
"""How an ELF file names its machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""

UNCHECKED = 1
"""The flags of bytecode that is taken as it is: https://peps.python.org/pep-0552/"""

TURN = {
    "prompt": {"role": "user", "content": "Show the quarterly revenue as a chart"},
    "threadId": "t1",
    "responseId": "r1",
}


def digests(tree: Path) -> dict[str, str]:
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in archive.files(tree)
    }


def test_the_zip_is_within_its_budget(built: tuple[Path, Path]) -> None:
    tree, packed = built
    assert packed.stat().st_size <= BUDGET
    assert archive.size(tree) <= package.MAX_UNZIPPED


def test_two_builds_give_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    assert build(ARCHITECTURE, tmp_path)[1].read_bytes() == built[1].read_bytes()


def test_the_wheel_in_an_empty_folder_builds_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    installed, empty = wheel.laid_out(tmp_path), tmp_path / "an empty folder"
    empty.mkdir()
    command = [sys.executable, "-P", "-m", "c1fn", "package", "--arch", ARCHITECTURE]
    environ = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=empty, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in archive.files(empty)] == ["function.zip"]
    assert (empty / package.ZIP).read_bytes() == built[1].read_bytes()


def test_sam_builds_the_same_content(built: tuple[Path, Path], tmp_path: Path) -> None:
    overrides = ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
    run([TOOLS / "bin/sam", "build", "--build-dir", tmp_path, *overrides])
    assert digests(tmp_path / "ChatFunction") == digests(built[0])


@pytest.mark.parametrize("architecture", sorted(trees.PLATFORMS))
def test_every_library_is_made_for_the_architecture(
    built: tuple[Path, Path], tmp_path: Path, architecture: str
) -> None:
    tree = built[0] if architecture == ARCHITECTURE else build(architecture, tmp_path)[0]
    libraries = list(tree.rglob("*.so"))
    assert libraries
    assert {path.read_bytes()[18] for path in libraries} == {MACHINES[architecture]}


def test_the_wrapper_alone_can_be_executed(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as packed:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in packed.infolist()}
    assert {name for name, mode in modes.items() if mode == 0o755} == {"c1fn/runtime/bootstrap"}
    assert set(modes.values()) == {0o755, 0o644}


def test_every_module_is_compiled_and_its_bytecode_taken_as_it_is(built: tuple[Path, Path]) -> None:
    for source in built[0].rglob("*.py"):
        assert Path(importlib.util.cache_from_source(str(source))).exists(), source
    found = list(built[0].rglob("*.pyc"))
    assert len(found) > 2000
    for path in found:
        compiled = path.read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER
        assert compiled[4] == UNCHECKED, path


def test_the_sources_in_it_are_c1fns_own(built: tuple[Path, Path]) -> None:
    """Of other people's packages the bytecode alone: their sources would not fit."""
    sources = {path.relative_to(built[0]).parts[0] for path in built[0].rglob("*.py")}
    assert sources == {"c1fn", "handler.py"}


def test_tokens_can_be_verified_with_nothing_beside_the_package(python: Path, unpacked: Path) -> None:
    """The compiled half of cffi is enough for cryptography."""
    code = (
        "from cryptography.hazmat.primitives.asymmetric import rsa; import c1fn.identity.oidc, jwt;"
        "key = rsa.generate_private_key(65537, 2048); token = jwt.encode({'sub': 'ann'}, key, 'RS256');"
        "print(jwt.decode(token, key.public_key(), ['RS256'])['sub'])"
    )
    done = subprocess.run(
        [python, "-c", code], cwd=unpacked, env={"PYTHONPATH": str(unpacked)}, capture_output=True, check=True
    )
    assert done.stdout == b"ann\n"


def test_nothing_of_development_is_in_it(built: tuple[Path, Path]) -> None:
    names = {path.name for path in built[0].iterdir()}
    assert names & {"tests", "pytest", "moto", "uvicorn", "dotenv", "bin", "requirements.txt"} == set()
    for part in trees.DEVELOPMENT:
        assert not (built[0] / part).exists()
        assert (ROOT / part).exists()


def test_every_authority_that_botocore_lists_is_found_by_its_name(built: tuple[Path, Path]) -> None:
    folder = built[0] / "c1fn/startup/trusted"
    listed = authorities.CERTIFICATE.findall((built[0] / "botocore/cacert.pem").read_text("utf-8"))
    assert len(listed) > 100
    assert sorted(path.read_text() for path in folder.iterdir()) == sorted(f"{pem}\n" for pem in listed)
    # Two that AWS and others sign by, as `openssl x509 -subject_hash` names them.
    assert {"ce5e74ef.0", "4042bcee.0"} <= {path.name for path in folder.iterdir()}


def test_what_a_start_compiles_from_text_is_in_it_compiled(
    unpacked: Path, python: Path, tmp_path: Path
) -> None:
    """Next to nothing is left to compile when it starts; and it is the same for both processors."""
    other = ({*trees.PLATFORMS} - {ARCHITECTURE}).pop()
    name = "c1fn/startup/compiled.bin"
    assert (build(other, tmp_path)[0] / name).read_bytes() == (unpacked / name).read_bytes()
    code = (
        "import asyncio, sys; from c1fn.startup import compiled; print(compiled.install()); seen = []\n"
        "sys.addaudithook(lambda what, told: seen.append(told) if what == 'compile' and told[0] else None)\n"
        "import handler; asyncio.run(handler.app.startup()); print(len(seen))"
    )
    environ = {**SETTINGS, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [python, "-c", code], cwd=unpacked, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    installed, left = done.stdout.split()
    assert installed == "True"
    assert int(left) < 50  # of 700: what typing_inspection compiles by itself


def test_licences_stay(built: tuple[Path, Path]) -> None:
    for found in built[0].glob("*.dist-info"):
        assert (found / "METADATA").exists()
    assert len(list(built[0].glob("openai-*.dist-info/licenses/LICENSE"))) == 1


@pytest.fixture(scope="session")
def unpacked(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(built[1]) as packed:
        for entry in packed.infolist():
            Path(packed.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)
    return folder


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed."""
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin/python"


async def test_the_unpacked_zip_serves_a_turn_with_nothing_else_on_the_path(
    unpacked: Path, python: Path
) -> None:
    lines: list[str] = []
    async with (
        Emulator(
            task_root=unpacked,
            environ={"C1FN_MODEL": "offline", "C1FN_AUTH": "none", "PYTHONPATH": str(unpacked)},
            python=str(python),
            bootstrap=unpacked / "c1fn/runtime/bootstrap",
            log=lines.append,
        ) as emulator,
        httpx2.AsyncClient() as client,
    ):
        answer = await client.post(f"{emulator.url}/api/chat", json=TURN, timeout=60)
    assert answer.status_code == 200, lines
    assert answer.text.startswith("<content")
    assert answer.text.rstrip().endswith("</content>")


PROBE = f"""
import json, sys
import boto3, botocore.config, botocore.exceptions
import handler

once = botocore.config.Config(retries=dict(total_max_attempts=1))
keys = dict(region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
calls = dict(
    dynamodb=lambda client: client.get_item(TableName="abc", Key=dict(pk=dict(S="a"))),
    secretsmanager=lambda client: client.get_secret_value(SecretId="a"),
    ssm=lambda client: client.get_parameter(Name="a"),
    sts=lambda client: client.get_caller_identity(),
)
endpoints = []
for service in {trees.SERVICES!r}:
    endpoints.append(boto3.client(service, **keys).meta.endpoint_url)
    try:
        nobody = boto3.client(service, endpoint_url="http://127.0.0.1:9", config=once, **keys)
        calls[service](nobody)
    except botocore.exceptions.EndpointConnectionError:
        continue
    raise SystemExit(service)
files = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
print(json.dumps([endpoints, files]))
"""
"""Speaks to each service where nobody listens: its client, endpoint and request are made all the same."""


def test_the_services_that_are_kept_can_be_spoken_to(unpacked: Path, python: Path) -> None:
    environ = {
        "PYTHONPATH": str(unpacked),
        "C1FN_MODEL": "offline",
        "C1FN_AUTH": "none",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [python, "-c", PROBE], env=environ, cwd=unpacked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    endpoints, files = json.loads(done.stdout)
    assert endpoints == [f"https://{service}.eu-west-1.amazonaws.com" for service in trees.SERVICES]
    library = str(Path(sys.base_prefix) / "lib")
    assert [name for name in files if not name.startswith((str(unpacked), library))] == []
    assert str(ROOT) not in done.stdout


def test_what_is_packaged_is_what_is_pinned(built: tuple[Path, Path]) -> None:
    """Every distribution in the tree and no other, with its version."""
    environment = {name: str(value) for name, value in default_environment().items()}
    pins = [Requirement(line.split(" --hash")[0]) for line in requirements(ROOT / "requirements.txt")]
    pinned = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    del pinned[canonicalize_name("pycparser")]  # of cffi only what runs is kept
    found = importlib.metadata.distributions(path=[str(built[0])])
    assert {canonicalize_name(each.name): each.version for each in found} == pinned
