#!/bin/sh
# Two turns of one conversation, each printed as it is written: sh examples/curl.sh [URL]
set -eu
url="${1:-http://127.0.0.1:8000}"
thread="curl-$(date +%s)-$$"

say() {
  curl --no-buffer --silent --show-error --fail-with-body "$url/api/chat" \
    --header 'content-type: application/json' \
    --data "{\"prompt\": {\"role\": \"user\", \"content\": \"$2\"}, \"threadId\": \"$thread\", \"responseId\": \"$1\"}"
  echo
}

say answer-1 "Show me the revenue by quarter"
say answer-2 "The same as a table"
