"""One prompt, its answer printed as it is written: python examples/python_httpx.py [URL]."""

import sys
from uuid import uuid4

import httpx2  # the maintained line of httpx; it comes with c1fn

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
body = {
    "prompt": {"role": "user", "content": "Show me the revenue by quarter"},
    "threadId": str(uuid4()),
    "responseId": str(uuid4()),  # the same again never asks the model twice
}
with httpx2.stream("POST", f"{url}/api/chat", json=body, timeout=120) as answer:
    if answer.is_error:
        answer.read()
        sys.exit(f"{answer.status_code}: {answer.text}")
    for text in answer.iter_text():
        print(text, end="", flush=True)
print()
