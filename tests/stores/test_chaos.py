"""A short storm, at each run of the tests; ``make chaos`` lets long ones happen."""

import uuid

from c1fn.stores.dynamodb import connect, table
from tests.stores.chaos import chaos


def test_chaos(dynamodb: str) -> None:
    """Eight machines on one thread, with faults and zombies: nothing is lost, doubled or mixed up."""
    name = f"c1fn-{uuid.uuid4()}"
    client = connect(dynamodb)
    table.create(client, name)
    result = chaos(dynamodb, name, 1, turns=5)
    client.delete_table(TableName=name)
    client.close()
    assert result.wrong == []
    assert result.acknowledged
    assert result.faults.total() > 100
