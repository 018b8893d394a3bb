"""What holds for all tests."""

import signal

# A shell starts what it puts into the background deaf to Ctrl-C, and that is inherited. The commands under
# test must hear it, wherever the tests were started.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.leaks"]
