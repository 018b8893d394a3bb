"""A share of a core, as Lambda gives it by a function's memory: a group of the kernel's with a CPU quota.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html (1,769 MB have one core)
https://docs.kernel.org/scheduler/sched-bwc.html · https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ONE_CORE = 1769
"""MB at which Lambda gives a whole core; below it gives a share."""

PERIOD = 20_000
"""Microseconds, of which a process may use its share. Lambda's own is not documented; people who measured the
gaps in a function's time found 20 ms."""

ROOTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu"))
"""Version 2, and version 1 where a machine still has it."""

JOIN = 'echo $$ >"$0/cgroup.procs" && exec "$@"'


def possible() -> bool:
    """This machine lets us make such groups: not without root's rights, and not in most containers."""
    try:
        with quota(ONE_CORE):
            return True
    except OSError:
        return False


@contextmanager
def quota(memory: int) -> Iterator[Path]:
    """A group with the share of so many MB. It is removed when its processes have ended.

    :raises OSError: this machine lets nobody make one.
    """
    parent = next(one for one in ROOTS if (one / "cgroup.procs").exists() or one == ROOTS[-1])
    group = parent / f"c1fn-bench-{memory}"
    group.mkdir(exist_ok=True)
    try:
        share = round(PERIOD * min(1.0, memory / ONE_CORE))
        if (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(share))
        else:
            (parent / "cgroup.subtree_control").write_text("+cpu")
            (group / "cpu.max").write_text(f"{share} {PERIOD}")
        yield group
    finally:
        group.rmdir()


def inside(group: Path, command: Sequence[str]) -> list[str]:
    """The command, in this group from its first instruction."""
    return ["sh", "-c", JOIN, str(group), *command]
