"""The stack: made, updated and deleted by CloudFormation, with a change set, so that nothing to do is seen.

Not by `sam deploy`: that takes a key on its command line, where every process of the machine can read it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from scripts.site.failures import Stop, advice

LOOK = 5.0
"""Seconds between two looks at a stack that is being made; CloudFront takes minutes."""

PATIENCE = 3600.0
"""Seconds for one change. A distribution takes ten minutes, at most twenty."""

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
"""The function's role, and SAM's transformation of a template with a stack within it."""

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")

GONE = ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")

CANCELLED = "cancelled"
"""In the reason of every resource that ends because another one failed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stack that is there."""

    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    is_site: bool


class Stack:
    """:param client: CloudFormation's.
    :param look: seconds between two looks.
    """

    def __init__(self, client: Any, name: str, look: float = LOOK) -> None:
        self._client = client
        self._name = name
        self._look = look

    def find(self) -> Found | None:
        """None where there is none; one that only has a change set counts as none."""
        described = self._described(self._name)
        if described is None or described["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            return None
        names = {
            one["ParameterKey"]: one.get("ParameterValue", "") for one in described.get("Parameters", [])
        }
        outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
        is_site = {"SelfSignUp", "SignInPrefix"} <= names.keys()
        return Found(described["StackStatus"], outputs, names, is_site)

    def deploy(self, template: str, given: Mapping[str, str], names: list[str]) -> Mapping[str, str]:
        """Make or update it; what is not given keeps the value that it has.

        :param names: the template's parameters.

        :returns: its outputs.

        :raises Stop: it failed; the text has the reasons.
        """
        found = self.find()
        kept = found.parameters.keys() if found else set()
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
        ]
        parameters += [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in names
            if name in kept and name not in given
        ]
        change = self._client.create_change_set(
            StackName=self._name,
            ChangeSetName=f"site-{uuid4()}",
            ChangeSetType="UPDATE" if found else "CREATE",
            TemplateBody=template,
            Parameters=parameters,
            Capabilities=CAPABILITIES,
            # What was not made completely goes at once, so that nothing is in the way of the next try.
            **({} if found else {"OnStackFailure": "DELETE"}),
        )
        if self._has_changes(change["Id"]):
            before = self._newest(change["StackId"])
            self._client.execute_change_set(ChangeSetName=change["Id"])
            self._wait(change["StackId"], ("CREATE_COMPLETE", "UPDATE_COMPLETE"), before)
        else:
            print("  nothing has changed", flush=True)
        now = self.find()
        assert now is not None
        return now.outputs

    def delete(self) -> None:
        """:raises Stop: something could not be deleted."""
        described = self._described(self._name)
        if described is not None:
            before = self._newest(described["StackId"])
            self._client.delete_stack(StackName=self._name)
            self._wait(described["StackId"], ("DELETE_COMPLETE",), before)

    def _has_changes(self, change: str) -> bool:
        """:raises Stop: CloudFormation does not take the template or the parameters."""
        for _ in self._looks():
            now = self._client.describe_change_set(ChangeSetName=change)
            if now["Status"] == "CREATE_COMPLETE":
                return True
            if now["Status"] == "FAILED":
                self._client.delete_change_set(ChangeSetName=change)
                reason = now.get("StatusReason", "")
                if any(text in reason for text in NO_CHANGES):
                    return False
                raise Stop(f"CloudFormation does not take it: {reason}")
        raise Stop("CloudFormation took longer than an hour to look at the template. Run this again.")

    def _wait(self, stack_id: str, good: tuple[str, ...], before: datetime) -> None:
        told: set[str] = set()
        for _ in self._looks():
            now = self._described(stack_id)
            status = now["StackStatus"] if now else "DELETE_COMPLETE"
            for event in self._events(stack_id, before):
                if event["EventId"] not in told and event["ResourceStatus"].endswith("_COMPLETE"):
                    print(f"    {event['LogicalResourceId']}: {event['ResourceStatus']}", flush=True)
                told.add(event["EventId"])
            if status in good:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise Stop(self._failed(stack_id, status, before))
        raise Stop(
            f"The stack {self._name} is still being worked on after an hour. Look at it in AWS's console."
        )

    def _failed(self, stack_id: str, status: str, before: datetime) -> str:
        reasons = list(dict.fromkeys(self._reasons(stack_id, before))) or ["CloudFormation gives no reason."]
        what_to_do = advice("\n".join(reasons))
        outcome = "could not be made, and was taken away again" if status in GONE else f"is {status}"
        return "\n".join([f"The stack {self._name} {outcome}:", *(f"  {one}" for one in reasons), what_to_do])

    def _reasons(self, stack_id: str, before: datetime) -> Iterator[str]:
        """Why resources failed, oldest first; of a stack within this one, its own resources' reasons."""
        for event in self._events(stack_id, before):
            reason = event.get("ResourceStatusReason", "")
            if not event["ResourceStatus"].endswith("_FAILED") or CANCELLED in reason.lower():
                continue
            physical = event.get("PhysicalResourceId", "")
            inner = event["ResourceType"] == "AWS::CloudFormation::Stack" and physical not in ("", stack_id)
            within = list(self._reasons(physical, before)) if inner else []
            if physical != stack_id:
                yield from within or [f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"]

    def _newest(self, stack_id: str) -> datetime:
        """When its newest event was: what comes later is of this run, whatever this machine's clock says."""
        events = self._client.describe_stack_events(StackName=stack_id)["StackEvents"]
        newest: datetime = max((one["Timestamp"] for one in events), default=datetime.min.replace(tzinfo=UTC))
        return newest

    def _events(self, stack_id: str, before: datetime) -> list[dict[str, Any]]:
        """Those after that time, oldest first."""
        events: list[dict[str, Any]] = []
        try:
            for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
                events += page["StackEvents"]
                if page["StackEvents"] and page["StackEvents"][-1]["Timestamp"] <= before:
                    break
        except ClientError:
            return []  # a stack within it that was never begun
        return [one for one in reversed(events) if one["Timestamp"] > before]

    def _described(self, name: str) -> dict[str, Any] | None:
        try:
            (found,) = self._client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        described: dict[str, Any] = found
        return described

    def _looks(self) -> Iterator[None]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            yield
            time.sleep(self._look)
