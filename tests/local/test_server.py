from c1fn import compose
from c1fn.local.server import GRACEFUL, Server
from c1fn.settings import Settings


def test_the_server_says_nothing_of_itself_and_owns_its_connections() -> None:
    """What it does at Ctrl-C is proven on the process itself, in test_main."""
    config = Server(compose.web_app(Settings.read({}))).config
    assert config.headers == [("connection", "keep-alive")]
    assert (config.server_header, config.timeout_graceful_shutdown) == (False, GRACEFUL)
