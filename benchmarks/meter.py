"""Calls, write units and read units of a DynamoDB client, by the documented sizes of items.

Writes are counted by the server, indexes included (ministack and DynamoDB Local bill them as documented).
Reads ministack bills flat, so they are counted here: what a read returned, in steps of 4 KB, half of it if it
need not be consistent.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import json
import math
import threading
from collections import Counter
from typing import Any

READS = frozenset({"GetItem", "Query"})
PAGE = 4096

OWNERS = "U#"
"""How the partition key of an owner's threads begins."""


class Meter:
    """Register it with the events of a botocore client or session."""

    def __init__(self, events: Any) -> None:
        self.used: Counter[str] = Counter()
        self._sent = threading.local()
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("before-send.dynamodb", self._send)
        events.register("before-parse.dynamodb", self._note)

    def take(self) -> dict[str, float]:
        """What was used since the last time."""
        used, self.used = self.used, Counter()
        return {name: used[name] for name in ("calls", "WCU", "RCU", "owner_WCU")}

    def _ask(self, params: dict[str, Any], **_: Any) -> None:
        if params.keys() & {"Item", "Key", "RequestItems"}:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _send(self, request: Any, **_: Any) -> None:
        asked = json.loads(request.body)
        self._sent.consistent = asked.get("ConsistentRead", False)
        key = asked.get("Key") or asked.get("Item") or {}
        self._sent.owners = key.get("pk", {}).get("S", "").startswith(OWNERS)

    def _note(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        body = json.loads(response_dict["body"])
        self.used["calls"] += 1
        if operation_model.name in READS:
            items = body.get("Items") or [body.get("Item", {})]
            steps = max(1, math.ceil(sum(map(size, items)) / PAGE))
            self.used["RCU"] += steps * (1 if self._sent.consistent else 0.5)
        else:
            told = body.get("ConsumedCapacity", [])
            for one in told if isinstance(told, list) else [told]:  # a batch tells it for each table
                self.used["WCU"] += one.get("CapacityUnits", 0)
                self.used["owner_WCU"] += one.get("CapacityUnits", 0) * self._sent.owners


def size(item: dict[str, Any]) -> int:
    """An item's size as it is billed: its attributes' names and values."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return 1 + math.ceil(len(content.strip("-").replace(".", "").strip("0")) / 2)
        case "B":
            return len(content) * 3 // 4 - content.count("=")
        case "M":
            return 3 + len(content) + size(content)
        case "L":
            return 3 + len(content) + sum(map(_value, content))
        case _:
            return 1
