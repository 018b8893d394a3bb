"""OpenTelemetry's packages as the layer that Lambda unpacks into /opt, with a wrapper as theirs works.

Their own layer is no package. Its script sets variables, names a module of its own as the handler, and runs
`opentelemetry-instrument` with the command that it was given; so does ours, beside the real packages.
https://github.com/open-telemetry/opentelemetry-lambda/tree/main/python/src/otel
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "layers" / "otel-0.66b1"
PACKAGES = (
    "opentelemetry-distro==0.66b1",
    "opentelemetry-instrumentation-aws-lambda==0.66b1",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
)

INSTRUMENT = """#!/bin/sh
export PYTHONPATH="/opt/python${PYTHONPATH:+:$PYTHONPATH}"
export ORIG_HANDLER="$_HANDLER" _HANDLER=traced.lambda_handler
exec python3 /opt/python/bin/opentelemetry-instrument "$@"
"""

TRACED = """import os, pkgutil

lambda_handler = pkgutil.resolve_name(os.environ["ORIG_HANDLER"])
"""


def layer() -> Path:
    """:raises subprocess.CalledProcessError: the packages cannot be had."""
    if not CACHE.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
            made = Path(folder, "made")
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(made / "python")]
            subprocess.run([*install, *PACKAGES], check=True)
            (made / "otel-instrument").write_text(INSTRUMENT)
            (made / "otel-instrument").chmod(0o755)
            (made / "python" / "traced.py").write_text(TRACED)
            made.rename(CACHE)
    return CACHE
