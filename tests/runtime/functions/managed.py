"""Handlers for Lambda's managed runtime, and one that streams bare bytes through an HTTP door."""

from typing import Any

from c1fn.runtime.doors import Mode
from tests.runtime.functions.doors import Doors


def handler(_: Any, context: Any) -> Any:
    return {"statusCode": 201, "headers": {"x-a": "b"}, "body": "whole", "id": context.aws_request_id}


def malformed(_: Any, __: Any) -> Any:
    return {"statusCode": 200, "body": 1}


class Raw(Doors):
    def mode(self, event: Any) -> Mode:
        del event
        return "raw"


raw = Raw()
