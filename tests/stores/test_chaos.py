"""A short storm, at each run of the tests; ``make chaos`` lets long ones happen."""

import uuid

import pytest

from c1fn.stores.dynamodb import connect, table
from tests.stores.chaos import Plan, chaos


@pytest.mark.timeout(300)  # it starts twenty processes: on a busy machine that alone takes half a minute
def test_chaos(dynamodb: str) -> None:
    """Machines with faults, zombies, deletes, forms and kills: nothing is lost, doubled, or comes back."""
    name = f"c1fn-{uuid.uuid4()}"
    client = connect(dynamodb)
    table.create(client, name)
    result = chaos(dynamodb, name, Plan(seed=1, turns=2, rate=0.3, kills=1))
    client.delete_table(TableName=name)
    client.close()
    assert result.wrong == []
    assert result.told["commit done"]
    assert result.faults.total() > 100
