"""One process of the function, from its cold start to its end, with the log Lambda would write.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import math
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from c1fn.runtime.emulator.call import Call
from c1fn.runtime.emulator.options import Options
from c1fn.runtime.emulator.runtime_api import RuntimeApi
from c1fn.runtime.fault import Fault

SHUTDOWN = 2.0
"""Seconds between SIGTERM and SIGKILL, as on Lambda."""

MAX_LINE = 256 * 1024
"""Bytes of one log line, which is CloudWatch's limit for an event."""


class Sandbox:
    """Calls may be submitted before it has started; when it dies they all end with a fault."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._api = RuntimeApi(options, self)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._init: asyncio.TimerHandle | None = None
        self._started = time.monotonic()
        self._cold = ""
        self._frozen = False
        self.alive = True

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def free(self) -> bool:
        return self.alive and len(self._api.running) < self._options.managed

    def submit(self, call: Call) -> None:
        self._thaw()
        self._api.submit(call)
        if self._api.snapshot_ready.is_set():
            self._restore()

    async def start(self) -> None:
        """Start the process. Whatever comes of it is told to the calls."""
        options, address = self._options, await self._api.listen()
        self._started = time.monotonic()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *options.argv,
                cwd=options.task_root,
                env=options.process_environ(address),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # a group of its own, to be stopped and killed whole
                limit=MAX_LINE,
            )
        except OSError as error:
            self._die(Fault("Runtime.InvalidEntrypoint", f"the function cannot be started: {error}"))
            return
        self._init = asyncio.get_running_loop().call_later(options.init_timeout, self._init_expired)
        output = self._process.stdout
        assert output is not None
        self._tasks = [
            asyncio.create_task(self._watch(self._process, output)),
            asyncio.create_task(self._snapshot()),
        ]

    async def stop(self) -> None:
        """End the process as Lambda does: SIGTERM, then SIGKILL."""
        self.alive = False
        self._thaw()
        self._signal(signal.SIGTERM)
        if self._process is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), SHUTDOWN)
        self.kill()
        await asyncio.gather(*self._tasks[:1])  # the watcher ends when the process does
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in (*self._timers.values(), *([self._init] if self._init else [])):
            timer.cancel()
        await self._api.close()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    # runtime_api.Watcher

    def asked(self) -> None:
        """A worker is ready. The first time, that ends the cold start."""
        self._ready()
        if self._options.freeze and self.alive and not self._api.running:
            self._frozen = True
            self._signal(signal.SIGSTOP)

    def began(self, call: Call) -> None:
        call.began = time.monotonic()
        self._options.log(f"START RequestId: {call.request_id} Version: $LATEST")
        loop = asyncio.get_running_loop()
        self._timers[call.request_id] = loop.call_later(self._options.timeout, self._expire, call)

    def over(self, call: Call) -> None:
        timer = self._timers.pop(call.request_id, None)
        if timer is not None:
            timer.cancel()
        for line in self._report(call):
            self._options.log(line)

    def _ready(self) -> None:
        if self._init is not None:
            self._init.cancel()
            self._init = None
            kind = "Restore" if self._api.restored.is_set() else "Init"
            self._cold = f"{kind} Duration: {1000 * (time.monotonic() - self._started):.2f} ms"

    def _expire(self, call: Call) -> None:
        message = f"Task timed out after {self._options.timeout:.2f} seconds"
        self._options.log(f"{call.request_id} {message}")
        self._api.over(call, Fault("Sandbox.Timedout", f"RequestId: {call.request_id} Error: {message}"))
        if self._options.managed == 1:  # else other invocations run there, and Lambda lets them
            self.alive = False
            self.kill()

    def _init_expired(self) -> None:
        self._die(Fault("Sandbox.Timedout", f"the start took longer than {self._options.init_timeout} s"))
        self.kill()

    def _die(self, fault: Fault) -> None:
        self.alive = False
        for call in list(self._api.running.values()):
            self._api.over(call, fault)

    async def _watch(self, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
        """Pass the output on, line by line, and notice the end."""
        while line := await _line(output):
            self._options.log(line.decode(errors="replace").rstrip("\n"))
        code = await process.wait()
        how = f"signal: {-code}" if code < 0 else f"exit status {code}"
        self._die(self._api.init_fault or Fault("Runtime.ExitError", f"Runtime exited with error: {how}"))

    async def _snapshot(self) -> None:
        """Stop the process when it is ready for its snapshot; go on when there is something to do."""
        await self._api.snapshot_ready.wait()
        self._ready()
        self._frozen = True
        self._signal(signal.SIGSTOP)
        if self._api.running:
            self._restore()

    def _restore(self) -> None:
        if not self._api.restored.is_set():
            self._thaw()
            self._options.log("RESTORE_START Runtime Version: emulator")
            self._started = time.monotonic()
            self._init = asyncio.get_running_loop().call_later(self._options.init_timeout, self._init_expired)
            self._api.restored.set()

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _report(self, call: Call) -> list[str]:
        """What Lambda writes at the end of an invocation."""
        took = 1000 * (time.monotonic() - (call.began or time.monotonic()))
        fields = [
            f"REPORT RequestId: {call.request_id}",
            f"Duration: {took:.2f} ms",
            f"Billed Duration: {math.ceil(took)} ms",
            f"Memory Size: {self._options.memory} MB",
            *_memory(self.pid),
        ]
        if self._cold:
            fields.append(self._cold)
            self._cold = ""
        lines = [f"END RequestId: {call.request_id}"]
        if call.fault is not None:
            fields += ["Status: error", f"Error Type: {call.fault.type}"]
            lines.insert(0, f"ERROR RequestId: {call.request_id} {call.fault.type}: {call.fault.message}")
        return [*lines, "\t".join(fields)]


async def _line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readline()
    except ValueError:
        return b"(a line longer than CloudWatch takes)\n"


def _memory(pid: int | None) -> list[str]:
    """The most memory the process has used; only Linux tells."""
    with suppress(OSError, ValueError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes = int(status.split("VmHWM:")[1].split()[0])
        return [f"Max Memory Used: {kilobytes // 1024} MB"]
    return []
