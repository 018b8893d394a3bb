"""Compresses a turn's texts: JSON, then zlib with a dictionary of C1's vocabulary.

DynamoDB bills by the kilobyte, and C1's answers are escaped JSON that repeats the same names: a dictionary
lets even the first card refer back to them. The first byte is the number of the format; zlib's checksum
detects damage. A dictionary must never change: a change is a new format.
https://docs.python.org/3/library/zlib.html#zlib.compressobj
"""

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any

from c1fn.errors import DamagedRow
from c1fn.turn import Message, Resume, Role, ToolCall, Usage, escaped

_FORMAT = b"\x01"
_LEVEL = 9  # 0.2 ms for a 6 KB answer

INLINE = 150_000
"""Bytes of packed text kept inside a row. A turn has two texts (what was said, and its revision), a row at
most 400 KB."""

PROMPT_INLINE = 1_000
"""Bytes of a packed prompt kept in the thread's row while its turn runs: that row bills each renewal. A
longer one is written beside it as soon as the lock is ours, in parts that the lock names."""

SLICE = 350_000
"""Bytes of a part: a row holds 400 KB, names included."""

_ROLES: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}

_ESCAPED = r"""
"rules":{"required":true,"email":true,"min":,"max":,"minLength":,"maxLength":,
"numeric":true}{"component":"Image","props":{"src":"https://","alt":"{
"component":"ImageGallery","props":{"images":[{"component":"CodeBlock","props":{
"language":"","codeString":"{"component":"Icon","props":{"name":"","category":""{
"component":"TagBlock","props":{"children":[{"component":"Tag","props":{"text":"{
"component":"Stats","props":{"number":"","label":"{"component":"MiniCard","props":{"lhs":{
"rhs":{{"component":"Carousel","props":{"children":[{"component":"Accordion","props":{
"children":[{"value":"","trigger":{"text":"{"component":"Tabs","props":{"children":[{
"component":"Steps","props":{"children":[{"title":"","details":[{"component":"ListBlock",
"props":{"items":[{"title":"","subtitle":"","description":"{"component":"Layout","props":{"{
"component":"SectionBlock","props":{"sections":[{"value":"","trigger":"",
"content":["gap":"m","variant":"secondary","variant":"info","variant":"success",
"variant":"warning","variant":"danger"{"component":"CalloutV2","props":{"variant":"danger",
"title":"Something went wrong","description":"{"component":"Select","props":{"name":"",
"placeholder":"","options":[{"label":"","value":"{"component":"DatePicker","props":{
"name":"","mode":"single"{"component":"Slider","props":{"name":"{
"component":"CheckBoxGroup","props":{"name":"","items":[{"component":"RadioGroup","props":{
"name":"{"component":"TextArea","props":{"name":"","placeholder":"","rows":{
"component":"Form","props":{"name":"contact","children":[{"label":"Your name","children":{
"component":"Input","props":{"name":"email","type":"text",
"placeholder":"Enter your"buttons":{"component":"ButtonGroup","props":{"children":[{
"component":"Button","props":{"children":"Submit","name":"submit","variant":"primary",
"action":{"type":"continue_conversation","props":{}}}}]}}{"component":"Table","props":{
"children":{"component":"Col","props":{"label":"Name","type":"string"}},"type":"number",
"children":[{"component":"TableHeader","props":{"children":[{"component":"TableRow",
"props":{"children":[{"component":"TableHead","props":{"children":"{"component":"TableBody",
"props":{"children":[{"component":"TableRow","props":{"children":[{"component":"TableCell",
"props":{"children":"{"component":"LineChartV2","props":{"chartData":{"header":{
"component":"InlineHeader","props":{"heading":"Trend over time","description":"{
"component":"AreaChartV2","props":{"variant":"linear","chartData":{"component":"PieChartV2",
"props":{"chartData":{"data":[{"category":"","value":{"component":"RadarChart","props":{"{
"component":"HorizontalBarChart","props":{"{"component":"ScatterChart","props":{
""xLabel":"Month","yLabel":"Value","grid":true,"showYAxis":true,"labels":["January",
"February","March","April","May","June","July","August","September","October","November",
"December"],"labels":["Jan","Feb","Mar","Apr","May","Jun","Jul","Aug","Sep","Oct","Nov",
"Dec"],"labels":["Mon","Tue","Wed","Thu","Fri","Sat","Sun"],{"component":"BarChartV2",
"props":{"chartData":{"header":{"component":"InlineHeader","props":{
"heading":"Revenue by quarter"}},"data":{"labels":["Q1","Q2","Q3","Q4"],"series":[{
"category":"Revenue","values":[100,{"component":"TextContent","props":{
"textMarkdown":"Here is an overview of the most important\n\n- **{"component":"ButtonGroup",
"props":{"children":[{"component":"Button","props":{"children":"Show more details",
"name":"details","variant":"primary","action":{"type":"continue_conversation","props":{
}}}},{"component":"FollowUpBlock","props":{"followUpText":["Compare with last year",
"Show as a table","What are the","How does the","Can you explain"]}}]}},"error":null}{
"component":{"component":"Card","props":{"children":[{"component":"Header","props":{
"title":"","subtitle":"
"""

_PLAIN = r"""
# ```openui-langroot = Card([header, text, chart, table,
 followups])header = Header(" TextContent(" BarChart( Table( Col( Series( FollowUpBlock( Button( Form( Input(
```</content><content thesys="true" version="2">
<context>[&quot;User clicked on Button: &quot;,{
}]</context>[["u","<content thesys=\"true\">Show</content>",
"00000000-0000-4000-8000-000000000000"],[["a","<content thesys=\"true\">
"""

_DICTIONARY = (escaped(_ESCAPED.replace("\n", "")) + _PLAIN.replace("\n", "")).encode()


def _squeeze(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    press = zlib.compressobj(_LEVEL, zdict=_DICTIONARY)
    return _FORMAT + press.compress(text.encode("utf-8", "surrogatepass")) + press.flush()


def _expand(packed: bytes) -> Any:
    if packed[:1] != _FORMAT:
        raise DamagedRow("A turn was stored in a format that this version does not know.")
    try:
        text = zlib.decompressobj(zdict=_DICTIONARY).decompress(packed[1:])
        return json.loads(text.decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError, RecursionError) as error:
        raise DamagedRow("A stored turn is damaged.") from error


def _listed(message: Message) -> list[Any]:
    """A message's fields in order, those at the end left out that it does not have. A new one goes to the
    end: a version that does not know it reads the message without it, so it needs no new format.
    """
    calls = [[call.id, call.name, call.arguments] for call in message.tool_calls]
    fields: list[Any] = [message.role[0], message.content, message.id, calls or None]
    resume = message.resume
    fields += [message.tool_call_id, message.opaque]
    fields.append([resume.response_id, resume.approved, resume.results] if resume else None)
    while fields[-1] is None:
        fields.pop()
    return fields


def _message(fields: list[Any]) -> Message:
    role, content, message_id, calls, tool_call_id, opaque, resume = [*fields, *[None] * 5][:7]
    tool_calls = tuple(ToolCall(*call) for call in calls or ())
    resumes = _resume(*resume) if resume else None
    return Message(_ROLES[role], content, message_id, tool_calls, tool_call_id, opaque, resumes)


def _resume(response_id: str, approved: list[str] | None, results: list[list[str]]) -> Resume:
    known = None if approved is None else tuple(approved)
    return Resume(response_id, known, tuple((call_id, text) for call_id, text in results))


def pack_text(text: str) -> bytes:
    """Compress a text, a revised answer or a checkpoint."""
    return _squeeze(text)


def unpack_text(packed: bytes) -> str:
    """:raises DamagedRow: these bytes are not a packed text."""
    text = _expand(packed)
    if not isinstance(text, str):
        raise DamagedRow("A stored text is damaged.")
    return text


def pack_turn(prompt: Message, reply: tuple[Message, ...], usage: Usage) -> bytes:
    """Compress all texts of a turn, with its tokens."""
    counts = [usage.input_tokens, usage.output_tokens]
    return _squeeze([_listed(prompt), [_listed(message) for message in reply], counts])


def unpack_turn(packed: bytes) -> tuple[Message, tuple[Message, ...], Usage]:
    """:raises DamagedRow: these bytes are not a packed turn."""
    try:
        prompt, reply, counts = _expand(packed)
        return _message(prompt), tuple(_message(fields) for fields in reply), Usage(*counts)
    except (TypeError, ValueError, KeyError) as error:
        raise DamagedRow("A stored turn is damaged.") from error


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed text: in the row itself, or, when it is large, in parts that the row counts."""

    data: bytes = b""
    token: str = ""
    count: int = 0

    @classmethod
    def of(cls, data: bytes, writer: str, inline: int = INLINE) -> "Packed":
        """:param writer: names the parts, together with a checksum of what is in them."""
        if len(data) <= inline:
            return cls(data)
        digest = hashlib.blake2b(data, digest_size=8).hexdigest()
        return cls(data, f"{writer}.{digest}", -(-len(data) // SLICE))

    @classmethod
    def read(cls, value: dict[str, Any]) -> "Packed":
        """Read it from a row.

        :raises KeyError: it is not of this form; ``read_or_none`` does not raise.
        """
        if "B" in value:
            return cls(bytes(value["B"]))
        return cls(token=value["M"]["token"]["S"], count=int(value["M"]["count"]["N"]))

    @classmethod
    def read_or_none(cls, value: dict[str, Any]) -> "Packed | None":
        """The same, or None where it cannot be understood."""
        try:
            return cls.read(value)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    @property
    def value(self) -> dict[str, Any]:
        """The attribute's value in the row."""
        if not self.count:
            return {"B": self.data}
        return {"M": {"token": {"S": self.token}, "count": {"N": str(self.count)}}}

    @property
    def slices(self) -> list[bytes]:
        """What is written in rows of its own, in order: at most ``SLICE`` bytes each."""
        return [self.data[i * SLICE : (i + 1) * SLICE] for i in range(self.count)]


def prompt_hash(prompt: Message) -> bytes:
    """What makes a prompt the same: its role and text and what it resumes, not the id that the client gave
    the message.
    """
    resume = f"\n{json.dumps(_listed(prompt)[6])}" if prompt.resume else ""
    text = f"{prompt.role}\n{prompt.content}{resume}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()
