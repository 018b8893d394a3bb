"""Recognises errors about the length of a request, in the wording of each server.

One pattern for status errors and for errors in a stream. Its sources are wordings that users reported, one
case each in tests/models/corpus. An error about a rate ("too many tokens per minute") is checked first and is
a different error, unless a single request is larger than the rate allows: then less history helps.
"""

import re

_RATE = re.compile(
    r"throttl|rate[_ ]?limit|too many requests|please wait|slow down|per (min|day|hour|second)"
)

_ONE_REQUEST = re.compile(r"request[_ ](entity[_ ]|body[_ ])?(is[_ ])?too[_ ]large")

_SENT = r"\b(prompt|input|inputs|request|message|conversation|sequence|text)s?\b"
_MORE = r".{0,60}(exceed|longer|greater|larger|over the|more than)"

_LENGTH = re.compile(
    "|".join(
        (
            # OpenAI, vLLM, SGLang, Together, llama.cpp, LM Studio, MiniMax
            r"context[_ -]?(length|window|size|limit)|exceed[_ ]context|context (the )?overflow",
            # Anthropic, Bedrock, Ollama; proxies, GitHub Models
            rf"{_SENT} (is |are )?too (long|large)|(body|entity|payload) (is )?too large|request_too_large",
            # xAI, Poolside, vLLM; Google; Baidu
            r"max(imum)?[_ ](allowed[_ ])?(prompt|input|model|sequence|seq)[_ ]?(token[_ ])?len",
            r"maximum (allowed )?(number of )?(input )?tokens|max input (characters|tokens|length)",
            # Copilot, LiteLLM, Kimi, Bedrock, Cohere
            rf"{_SENT}[_ ]?(token|length|size)s?{_MORE}|token[_ ]?(count|limit)s?\b{_MORE}",
            rf"exceed.{{0,40}}token[_ ]limit|number of tokens\b{_MORE}|too many (input |total )?tokens",
            # GitHub Models, TGI
            r"tokens_limit_reached|token limit (was )?reached|less than \d+ tokens|tokens.{0,40} must be <=",
            # Groq; DashScope; OpenAI, of one message
            r"(reduce|shorten) the (length|size|number) of (the |your )?(input|message|prompt|tokens)",
            r"range of input length should be|string[_ ](too[_ ]long|above_max_length)",
            # Zhipu and others
            r"超长|上下文|(超过|超出).{0,20}(长度|上限|限制)",
        )
    )
)


def is_about_length(words: str) -> bool:
    """:param words: of an error, in lower case."""
    if _ONE_REQUEST.search(words):
        return True
    return bool(_LENGTH.search(words)) and not _RATE.search(words)
