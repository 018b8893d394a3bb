"""The plain port behind Mangum, for AWS's own runtime: the answer is buffered."""

from mangum import Mangum

from plain import app

handler = Mangum(app, lifespan="off")
