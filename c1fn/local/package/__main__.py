"""`python -m c1fn.local.package`: `c1fn package` where nothing but pip is installed."""

import argparse
import sys

from c1fn.local import package

parser = argparse.ArgumentParser("c1fn package", description="Build the function's package.")
package.add_arguments(parser)
sys.exit(package.run(parser.parse_args()))
