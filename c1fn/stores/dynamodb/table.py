"""The one table: its definition, and how it is created, described and deleted.

It is on-demand, so it costs nothing without traffic. It has two local indexes that hold only keys:
``by_response`` finds a turn by its responseId, ``by_recency`` sorts an owner's threads. Local, because only
those can be read consistently; they exist from the table's creation or never.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from typing import Any

from c1fn.errors import StoreUnavailable
from c1fn.stores.dynamodb.failures import told_plainly
from c1fn.stores.dynamodb.items import number_of

BY_RESPONSE = "by_response"
BY_RECENCY = "by_recency"
EXPIRY = "expires_at"


def _key(range_key: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]


DEFINITION: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "response", "AttributeType": "S"},
        {"AttributeName": "slot", "AttributeType": "N"},
    ],
    "KeySchema": _key("sk"),
    "LocalSecondaryIndexes": [
        {
            "IndexName": BY_RESPONSE,
            "KeySchema": _key("response"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
        {
            "IndexName": BY_RECENCY,
            "KeySchema": _key("slot"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
}
"""What CreateTable is given, and what template.yaml must say."""

TIME_TO_LIVE: dict[str, Any] = {"Enabled": True, "AttributeName": EXPIRY}

OTHER = "of the attribute"
"""The state of a time to live that is another attribute's."""

SAMPLE = 100
"""Rows that are looked at for their version: a few read units."""

WAIT = {"Delay": 2, "MaxAttempts": 60}
"""Seconds between two looks at a table that is being made or deleted, and how many: two minutes in all."""


def create(client: Any, name: str) -> None:
    """Create the table, wait until it can be used, and let it forget what is past its ``expires_at``. What an
    earlier creation left undone is finished; a table that is whole is left as it is.

    :raises StoreUnavailable: there is another table of this name, or it is being deleted.
    """
    with told_plainly():
        try:
            client.create_table(TableName=name, **DEFINITION)
        except client.exceptions.ResourceInUseException:
            found = describe(client, name)
            if wrong := differences(found):
                raise StoreUnavailable(f"There is a table {name} already, and {wrong[0]}.") from None
            if found["TableStatus"] == "DELETING":
                raise StoreUnavailable(f"The table {name} is being deleted. Wait until it is gone.") from None
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=WAIT)
        state = time_to_live(client, name)
        if state.startswith(OTHER):
            raise StoreUnavailable(
                f"Time to live of {name} is {state}, not of {EXPIRY}. Switch it off first."
            )
        if state not in ("ENABLED", "ENABLING"):
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=TIME_TO_LIVE)


def time_to_live(client: Any, name: str) -> str:
    """ENABLED where rows are deleted after their ``expires_at``; else another state."""
    with told_plainly():
        found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    state, attribute = str(found["TimeToLiveStatus"]), found.get("AttributeName")
    if attribute not in (None, EXPIRY) and state in ("ENABLED", "ENABLING"):
        return f"{OTHER} {attribute}"
    return state if attribute == EXPIRY else "DISABLED"


def versions(client: Any, name: str) -> list[int]:
    """The versions of the rows that are in the table, by the first ``SAMPLE`` of them."""
    with told_plainly():
        sample = client.scan(TableName=name, Limit=SAMPLE, ProjectionExpression="v")["Items"]
    return sorted({int(number_of(item, "v") or 1) for item in sample})


def recovery(client: Any, name: str) -> str:
    """Whether the table can be restored to a point in time."""
    with told_plainly():
        found = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return str(found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus", "DISABLED"))


def describe(client: Any, name: str) -> dict[str, Any]:
    """What DynamoDB says of the table."""
    with told_plainly():
        table: dict[str, Any] = client.describe_table(TableName=name)["Table"]
    return table


def delete(client: Any, name: str) -> None:
    """Delete the table with everything in it, and wait until it is gone."""
    with told_plainly():
        client.delete_table(TableName=name)
        client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig=WAIT)


def differences(table: dict[str, Any]) -> list[str]:
    """How a described table differs from the definition, in words; empty when it fits."""
    found = {index["IndexName"]: index for index in table.get("LocalSecondaryIndexes", [])}
    wrong = [] if table["KeySchema"] == DEFINITION["KeySchema"] else ["its key is not pk, sk"]
    for index in DEFINITION["LocalSecondaryIndexes"]:
        is_there = found.get(index["IndexName"])
        if not is_there or is_there["KeySchema"] != index["KeySchema"]:
            wrong.append(f"it lacks the local index {index['IndexName']}")
    return wrong
