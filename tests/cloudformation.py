"""CloudFormation's YAML as plain data, `!Ref x` as {"Ref": "x"}, and what parameters make of it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import math
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_WITHOUT_PREFIX = {"Ref", "Condition"}


class _Loader(yaml.SafeLoader):
    pass


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in _WITHOUT_PREFIX else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def read(path: Path) -> dict[str, Any]:
    """The file as nested dicts, lists and scalars."""
    found: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return found


class Refused(Exception):
    """CloudFormation would not take these parameters; the text says why, as it would."""


def deployed(template: dict[str, Any], given: Mapping[str, str], region: str = "us-east-1") -> dict[str, Any]:
    """The template as these parameters leave it: without the parts whose condition is false.

    What only a deployment knows stays as it is written: references to resources, and their attributes.

    :raises Refused: a parameter, or a rule, does not allow it.
    """
    values = _values(template["Parameters"], given) | {"AWS::Region": region}
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], values, {}):
            continue
        for assertion in rule["Assertions"]:
            if not _holds(assertion["Assert"], values, {}):
                raise Refused(assertion["AssertDescription"])
    conditions = template.get("Conditions", {})
    true = {name for name in conditions if _holds(conditions[name], values, conditions)}
    parameters = {
        name: {
            "Type": of["Type"],
            "Default": int(values[name]) if of["Type"] == "Number" else values[name],
            "NoEcho": of.get("NoEcho", False),
        }
        for name, of in template["Parameters"].items()
    }
    left = {
        section: {
            name: _chosen({key: value for key, value in part.items() if key != "Condition"}, true)
            for name, part in template[section].items()
            if part.get("Condition", None) in {None, *true}
        }
        for section in ("Resources", "Outputs")
    }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Parameters": parameters, **left}


def is_allowed(template: dict[str, Any], given: Mapping[str, str]) -> bool:
    """Whether CloudFormation would take these parameters."""
    try:
        deployed(template, given)
    except Refused:
        return False
    return True


def inlined(value: Any, values: Mapping[str, str]) -> Any:
    """The value with these in the place of references to them, as a custom resource gets it."""
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str) and value["Ref"] in values:
            return values[value["Ref"]]
        return {key: inlined(part, values) for key, part in value.items()}
    return [inlined(part, values) for part in value] if isinstance(value, list) else value


def references(value: Any, conditions: Mapping[str, Any] = MappingProxyType({})) -> Iterator[str]:
    """The names that a part of a template refers to; with ``conditions``, also through them."""
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str):
            yield value["Ref"]
        if isinstance(value.get("Fn::Sub"), str):
            yield from re.findall(r"\$\{(\w+)}", value["Fn::Sub"])
        if isinstance(value.get("Fn::If"), list):
            yield from references(conditions.get(value["Fn::If"][0]), conditions)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item, conditions)


def _values(parameters: dict[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    if unknown := given.keys() - parameters.keys():
        raise Refused(f"Parameters: {sorted(unknown)} do not exist in the template")
    values = {name: str(given.get(name, of.get("Default"))) for name, of in parameters.items()}
    for name, of in parameters.items():
        _check(name, of, values[name])
    return values


def _check(name: str, of: dict[str, Any], value: str) -> None:
    fits = (
        value in map(str, of.get("AllowedValues", [value]))
        and re.fullmatch(of.get("AllowedPattern", ".*"), value, re.DOTALL) is not None
        and of.get("MinLength", 0) <= len(value) <= of.get("MaxLength", 4096)  # CloudFormation's own limit
    )
    if of["Type"] == "Number":
        fits = fits and of.get("MinValue", -math.inf) <= float(value) <= of.get("MaxValue", math.inf)
    if not fits:
        raise Refused(f"{name} cannot be {value!r}")


def _holds(value: Any, values: Mapping[str, str], conditions: Mapping[str, Any]) -> bool:
    ((function, of),) = value.items()
    match function:
        case "Condition":
            return _holds(conditions[of], values, conditions)
        case "Fn::Equals":
            left, right = (str(inlined(one, values)) for one in of)
            return left == right
        case "Fn::Not":
            return not _holds(of[0], values, conditions)
        case "Fn::And":
            return all(_holds(one, values, conditions) for one in of)
        case "Fn::Or":
            return any(_holds(one, values, conditions) for one in of)
    raise AssertionError(f"{function} is not known here")


def _chosen(value: Any, true: AbstractSet[str]) -> Any:
    """The value with each Fn::If replaced by the branch that is taken, and without what is then no value."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            condition, yes, no = value["Fn::If"]
            return _chosen(yes if condition in true else no, true)
        parts = {key: _chosen(part, true) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part != _NO_VALUE}
    if isinstance(value, list):
        return [part for part in (_chosen(one, true) for one in value) if part != _NO_VALUE]
    return value


_NO_VALUE = {"Ref": "AWS::NoValue"}
