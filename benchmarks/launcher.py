"""`python -IS launcher.py RESULT COMMAND…`: run a command and write what it took into RESULT.

A process's peak memory includes that of the one which forked it, so commands are started from this small one and not
from a benchmark with its libraries. It imports as little as can be.
"""

import os
import sys
import time


def main() -> int:
    """Seconds, seconds of CPU and KiB of peak memory, in one line."""
    began = time.monotonic()
    pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    with open(sys.argv[1], "w") as result:
        result.write(f"{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
