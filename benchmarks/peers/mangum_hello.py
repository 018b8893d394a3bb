"""The smallest app behind Mangum, for AWS's own runtime."""

from mangum import Mangum

from hello import app

handler = Mangum(app, lifespan="off")
