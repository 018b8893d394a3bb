"""The app of ``bare`` through Mangum, for awslambdaric."""

from bare import app
from mangum import Mangum

handler = Mangum(app, lifespan="off")
