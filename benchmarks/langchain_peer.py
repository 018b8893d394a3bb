"""LangChain's DynamoDB history with the turns of `store_cost.py`, which runs this in its own environment.

``python langchain_peer.py URL TURNS.json`` prints what each turn used, as JSON.
"""

import json
import sys
import warnings
from pathlib import Path

import boto3
from meter import Meter

warnings.simplefilter("ignore")  # langchain-community announces its own end at import
from langchain_community.chat_message_histories import DynamoDBChatMessageHistory  # noqa: E402


def main(url: str, path: str) -> None:
    session, used = boto3.Session(), []
    key = [{"AttributeName": "SessionId", "KeyType": "HASH"}]
    session.client("dynamodb", endpoint_url=url).create_table(
        TableName="peer",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "SessionId", "AttributeType": "S"}],
        KeySchema=key,
    )
    meter = Meter(session.events)
    for prompt, answer in json.loads(Path(path).read_text()):
        history = DynamoDBChatMessageHistory("peer", "t", endpoint_url=url, boto3_session=session)
        history.messages  # noqa: B018 - reads them, for the model
        history.add_user_message(prompt)
        history.add_ai_message(answer)
        used.append(meter.take())
    print(json.dumps(used))


if __name__ == "__main__":
    main(*sys.argv[1:])
