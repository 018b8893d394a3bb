"""The components of OpenUI Lang and what their arguments are called, in order.

There are two libraries: OpenUI's own (npm `@openuidev/react-ui`), and that of C1's models since v-20260331
(npm `@thesysai/genui-sdk`).
"""

from c1fn.local.terminal.openui.program import Library


def _library(text: str) -> Library:
    return {name: arguments for name, *arguments in map(str.split, text.strip().splitlines())}


_OPENUI = _library("""
Accordion items
AccordionItem value trigger content
AreaChart labels series variant xLabel yLabel
BarChart labels series variant xLabel yLabel
Button label action variant type size
Buttons buttons direction
Callout variant title description visible
Card children variant
CardHeader title subtitle
Carousel children variant
CheckBoxGroup name items rules value
CheckBoxItem label description name defaultChecked
CodeBlock language codeString
Col label data type
DatePicker name mode rules value
FollowUpBlock items
FollowUpItem text
Form name buttons fields
FormControl label input hint
HorizontalBarChart labels series variant xLabel yLabel
Image alt src
ImageBlock src alt
ImageGallery images
Input name placeholder type rules value
Label text
LineChart labels series variant xLabel yLabel
ListBlock items variant
ListItem title subtitle image actionLabel action
MarkDownRenderer textMarkdown variant
Modal title open children size
PieChart labels values variant appearance
Point x y z
RadarChart labels series
RadialChart labels values
RadioGroup name items defaultValue rules value
RadioItem label description value
ScatterChart datasets xLabel yLabel
ScatterSeries name points
SectionBlock sections isFoldable
SectionItem value trigger content
Select name items placeholder rules value size
SelectItem value label
Separator orientation decorative
Series category values
SingleStackedBarChart labels values
Slice category value
Slider name variant min max step defaultValue label rules value
Stack children direction gap align justify wrap
Steps items
StepsItem title details
SwitchGroup name items variant value
SwitchItem label description name defaultChecked
TabItem value trigger content
Table columns
Tabs items
Tag text icon size variant
TagBlock tags
TextArea name placeholder rows rules value
TextCallout variant title description
TextContent text size
""")

_C1 = _library("""
Accordion children heading description
AccordionItem value triggerText children triggerIcon
AreaChart labels series type variant heading description xLabel yLabel unit
BarChart labels series type variant heading description xLabel yLabel unit
BoldText variant value subtext subtextVariant size
Button label action variant type size
ButtonGroup buttons direction
CalloutV2 variant title description
Card children sources
CheckBoxGroup name items rules
CheckBoxItem name label description defaultChecked
ChipItem value label icon disabled
Chips name type items rules defaultValue
Col label type icon
CompositeCardBlock items layout responsive action gap
CompositeCardItem id header body footer
ContextCardBlock items layout responsive action gap
ContextCardItem id title body bgColor bgImageSrc bgImageAlt
DatePicker name mode rules defaultDate
EditableTable name columns data
EntityList rows size header footer
FollowUpBlock followUpText
Form name buttons fields
FormControl label input hint
Header title subtitle
HorizontalBarChart labels series heading description xLabel yLabel unit variant
Icon name category
IconButton name icon action variant size shape
IconTag icon size variant
IconText icon iconVariant iconSize title subtitle bold layout
Image alt src
ImageBlock src alt
ImageGallery imagesAlt imagesSrc
ImageText src alt title subtitle bold layout imageSize
ImageTextLarge src alt title subtitle bold
InlineHeader heading description
Input name rules placeholder type defaultValue
LineChart labels series type variant heading description xLabel yLabel unit
List items variant heading description
ListItem title subtitle icon image
MetricIndicatorInline value subtext trend
MetricIndicatorWithStrikethrough value subtext previousValue trend
OptionCard value title subtitle topContent disabled
OptionCards name type items rules defaultValue
OverviewCardBlock items layout responsive action gap
OverviewCardItem id top bottom
PieChart slices variant heading description unit
RadarChart labels series heading description unit
RadialChart slices heading description unit
RadioGroup name items rules defaultValue
RadioItem value label description
ScatterChart datasets heading description xLabel yLabel unit
SectionBlock items isFoldable
SectionBlockItem value trigger content
SegmentedBar slices heading description unit
Select name items rules placeholder defaultValue
SelectItem value label
Slider name label variant min max defaultValue rules step
SnippetCardBlock items layout responsive action gap
SnippetCardItem id lhs rhs
Steps children heading description
StepsItem title details
SwitchGroup name items rules
SwitchItem name label description defaultChecked
TabItem value triggerText children triggerIcon
Table columns rows
Tabs children heading description
Tag text variant icon
TagBlock children
Text variant value subtext subtextVariant size
TextArea name rules placeholder rows defaultValue
TextBlock variant primary secondary tertiary type size align secondaryMaxLines secondaryTone
TextContent text size
VisualCardBlock items layout responsive action gap
VisualCardItem body id bgImageSrc tag bgImageAlt
""")

LIBRARIES = {"openui": _OPENUI, "c1": _C1}
