"""What an emulated function is made of."""

import os
from pathlib import Path

from c1fn.runtime.emulator.options import BOOTSTRAP, Options


def test_a_process_gets_lambdas_variables_and_the_functions_own_and_nothing_else() -> None:
    options = Options(task_root=Path("/task"), environ={"MINE": "1"}, handler="a.b", memory=128)
    environ = options.process_environ("127.0.0.1:1/p")
    assert environ["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:1/p"
    assert (environ["_HANDLER"], environ["LAMBDA_TASK_ROOT"], environ["MINE"]) == ("a.b", "/task", "1")
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert "HOME" not in environ
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in environ


def test_the_kind_of_start_is_told() -> None:
    managed = Options(task_root=Path(), managed=7).process_environ("")
    assert managed["AWS_LAMBDA_MAX_CONCURRENCY"] == "7"
    snapshot = Options(task_root=Path(), snapstart=True).process_environ("")
    assert snapshot["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"


def test_the_wrapper_is_called_as_lambda_calls_it() -> None:
    assert Options(task_root=Path(), python="/py").argv == [
        str(BOOTSTRAP),
        "/py",
        "/var/runtime/bootstrap.py",
    ]


def test_without_a_wrapper_the_managed_runtime_is_called() -> None:
    options = Options(task_root=Path(), python="/py", bootstrap=None, handler="a.b")
    assert options.argv == ["/py", "-m", "awslambdaric", "a.b"]


def test_the_bootstrap_can_be_executed() -> None:
    assert os.access(BOOTSTRAP, os.X_OK)
