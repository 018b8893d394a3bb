"""The doors of an emulated function, each with the limits and the behaviour of AWS's; `door` enforces them.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from c1fn.runtime.emulator import events
from c1fn.runtime.emulator.door import Door
from c1fn.runtime.emulator.events import HttpRequest, Place
from c1fn.runtime.emulator.options import Options
from c1fn.runtime.emulator.prelude import whole_for_a_load_balancer

REST_PATIENCE = 29.0
HTTP_PATIENCE = 30.0
"""Seconds that an API waits for a whole answer."""

API_HEADERS = 10_240
"""Bytes of a request's header lines that an API takes."""

LOAD_BALANCER = 1024 * 1024
"""Bytes of a request and of an answer that a load balancer passes to and from a function."""

_Make = Callable[[HttpRequest, Place], dict[str, Any]]


def prefix(options: Options) -> str:
    """What clients put before the paths of an API: its stage, or the base path of its custom domain."""
    if options.custom_domain:
        return options.base_path
    return "" if options.stage == "$default" else f"/{options.stage}"


def function_url(options: Options) -> Door:
    """https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
    event = _event(options, events.function_url, stage="$default")
    return Door(event=event, mode=options.url_mode, streams=True)


def rest_api(options: Options) -> Door:
    """A REST API of API Gateway, in proxy integration."""
    return Door(
        event=_event(options, events.rest_api, below=prefix(options)),
        mode=options.rest_mode,
        streams=True,
        idle=options.rest_idle,
        patience=REST_PATIENCE,
        max_headers=API_HEADERS,
    )


def http_api(options: Options) -> Door:
    """An HTTP API of API Gateway, payload 2.0."""
    return Door(
        event=_event(options, events.http_api, below=prefix(options)),
        patience=HTTP_PATIENCE,
        late=(503, "Service Unavailable"),
        max_headers=API_HEADERS,
    )


def load_balancer(options: Options) -> Door:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""
    several = options.multi_value_headers
    return Door(
        event=_event(options, partial(events.load_balancer, several=several)),
        read=partial(whole_for_a_load_balancer, several=several),
        max_request=LOAD_BALANCER,
        max_answer=LOAD_BALANCER,
        page=True,
    )


def console(options: Options) -> Door:
    """The test button of API Gateway's console: a REST API's event by another way."""
    return Door(event=_event(options, events.console_test), streams=True, patience=REST_PATIENCE)


def _event(
    options: Options, make: _Make, *, below: str = "", stage: str | None = None
) -> Callable[[HttpRequest, str], dict[str, Any] | None]:
    """:param below: the prefix outside of which the door has nothing."""
    api_id = secrets.token_hex(5)

    def event(request: HttpRequest, request_id: str) -> dict[str, Any] | None:
        if below and request.path != below and not request.path.startswith(below + "/"):
            return None
        place = Place(
            api_id=api_id,
            region=options.region,
            request_id=request_id,
            now=events.utc_now(),
            stage=options.stage if stage is None else stage,
            prefix=below,
            domain=options.custom_domain,
        )
        return make(request, place)

    return event
