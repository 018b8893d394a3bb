"""The components of OpenUI Lang in the form of C1's that show the same.

One that has no entry in `_FORMS` is shown by its texts, as an unknown one of C1's is.
"""

from collections.abc import Callable, Mapping, Sequence

from c1fn.local.terminal.parts import Component, children, markdown, props

Props = dict[str, object]


def as_c1(component: Component) -> Component:
    """The component of C1 that shows the same, and so for all that is in it."""
    kind = str(component.get("component"))
    own = {name: _inner(value) for name, value in props(component).items()}
    if "trigger" in own or "triggerText" in own:
        own.pop("value", None)  # an id, which nobody reads
    return _FORMS[kind](own) if kind in _FORMS else _component(kind, **own)


def _inner(value: object) -> object:
    if isinstance(value, list):
        return [_inner(item) for item in value]
    if isinstance(value, dict):
        inner = {key: _inner(part) for key, part in value.items()}
        return as_c1(value) if "component" in value else inner
    return value


def _component(kind: str, /, **own: object) -> Component:
    return {"component": kind, "props": own}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _header(own: Props) -> Component:
    return _component("Header", **own)


def _text(own: Props) -> Component:
    text = own.get("text", own.get("textMarkdown"))
    return markdown(text if isinstance(text, str) else "")


def _callout(own: Props) -> Component:
    variant = own.get("variant")
    return _component("CalloutV2", **{**own, "variant": "danger" if variant == "error" else variant})


def _tags(own: Props) -> Component:
    several = own.get("tags", own.get("children"))
    tags = _texts(several) or [str(props(tag).get("text", "")) for tag in children(several)]
    return markdown(" · ".join(f"`{tag}`" for tag in tags))


def _chart(own: Props) -> Component:
    heading, labels = own.get("heading"), own.get("labels")
    header = (
        _component("InlineHeader", heading=heading, description=own.get("description")) if heading else None
    )
    names = labels if isinstance(labels, list) else []
    if "series" in own:
        several = [props(one) or one for one in children(own["series"])]
        return _charted(header, {"labels": names, "series": several})
    if "values" in own:
        values = own["values"] if isinstance(own["values"], list) else []
        pairs = zip(names, values, strict=False)
        return _charted(header, [{"category": name, "value": value} for name, value in pairs])
    return _charted(header, [props(one) or one for one in children(own.get("slices"))])


def _charted(header: Component | None, data: object) -> Component:
    return _component("BarChartV2", chartData={"header": header, "data": data})


def _scatter(own: Props) -> Component:
    rows = [
        [str(name), str(point.get("x", "")), str(point.get("y", ""))]
        for series in (props(one) or one for one in children(own.get("datasets")))
        for name in [series.get("name", series.get("category", ""))]
        for point in (props(one) or one for one in children(series.get("points", series.get("values"))))
    ]
    return _rows(["", str(own.get("xLabel") or "x"), str(own.get("yLabel") or "y")], rows)


def _table(own: Props) -> Component:
    """By columns, each with its cells, or with rows beside them."""
    columns = [props(column) or column for column in children(own.get("columns"))]
    if isinstance(own.get("rows"), list):
        rows = _lists(own["rows"])
    else:
        cells = [_lists([column.get("data")]) for column in columns]
        depth = max((len(one[0]) for one in cells if one), default=0)
        rows = [[one[0][at] if one and at < len(one[0]) else "" for one in cells] for at in range(depth)]
    return _rows([column.get("label", "") for column in columns], rows)


def _lists(value: object) -> list[list[object]]:
    return [item for item in value if isinstance(item, list)] if isinstance(value, list) else []


def _rows(heads: Sequence[object], rows: Sequence[Sequence[object]]) -> Component:
    return _component(
        "Table",
        tableHeader={"rows": [{"children": list(heads)}]} if heads else {},
        tableBody={"rows": [{"children": list(row)} for row in rows]},
    )


def _form(own: Props) -> Component:
    fields = [props(field) for field in children(own.get("fields"))]
    controls = [{**field, "children": field.get("input")} for field in fields]
    for group in children(own.get("buttons")):
        for button in children(props(group).get("children")):
            props(button)["submits"] = True
    return _component("Form", name=own.get("name"), children=controls, buttons=own.get("buttons"))


def _buttons(own: Props) -> Component:
    return _component("ButtonGroup", children=own.get("buttons"))


def _button(own: Props) -> Component:
    """Its step decides: an address is opened, another text than its label is said."""
    action = own.get("action")
    said = own.get("label")
    if isinstance(action, dict) and "function" not in action:  # C1's library: {type, url}
        return _component("Button", children=said, name=said, action={**action, "props": action})
    for step in children(_first(action)):
        first = _first(step)
        if step.get("function") == "OpenUrl":
            return _component("Button", children=said, action={"type": "open_url", "props": {"url": first}})
        if step.get("function") == "ToAssistant":
            return _component("Button", children=said, name=first)
    return _component("Button", children=said, name=said)


def _first(call: object) -> object:
    """The first argument of a function."""
    arguments = call.get("arguments") if isinstance(call, dict) else None
    return arguments[0] if isinstance(arguments, list) and arguments else None


def _offers(own: Props) -> Component:
    texts = _texts(own.get("followUpText"))
    return _component(
        "FollowUpBlock",
        followUpText=texts or [props(item).get("text") for item in children(own.get("items"))],
    )


_FORMS: Mapping[str, Callable[[Props], Component]] = {
    "CardHeader": _header,
    "TextContent": _text,
    "MarkDownRenderer": _text,
    "Label": _text,
    "Callout": _callout,
    "TextCallout": _callout,
    "CalloutV2": _callout,
    "TagBlock": _tags,
    **dict.fromkeys(("BarChart", "LineChart", "AreaChart", "HorizontalBarChart", "RadarChart"), _chart),
    **dict.fromkeys(("PieChart", "RadialChart", "SingleStackedBarChart", "SegmentedBar"), _chart),
    "ScatterChart": _scatter,
    "Table": _table,
    "Form": _form,
    "Buttons": _buttons,
    "ButtonGroup": _buttons,
    "Button": _button,
    "FollowUpBlock": _offers,
    "ImageBlock": lambda own: _component("Image", **own),
}
