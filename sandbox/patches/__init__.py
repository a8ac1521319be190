"""Where moto is not AWS enough for us: one module a service, named as moto's own. Its apply()
is called once, when the service is first used; its docstring says how stock moto differs.

Answers that a patch has a hand in are marked with ours or mark: the journal shows them as
self-emulated, and so does the documentation of each remediation that was tested with them."""
import functools
import importlib
import importlib.util
import json
import threading

hand = threading.local()  # each request has a thread of its own


def mark():
    """Marks the answer to the request at hand as ours."""
    hand.ours = True


def ours(f):
    """Marks the answers that f has a hand in as ours."""

    @functools.wraps(f)
    def marked(*args, **kwargs):
        mark()
        return f(*args, **kwargs)

    return marked


applied = set()
port = 0  # that moto listens on


def apply(service):
    module = "patches." + service.replace("-", "_")
    if service in applied or not importlib.util.find_spec(module):
        return
    applied.add(service)
    importlib.import_module(module).apply()


class Hooks:
    """Our own paths before moto's, and the mark on moto's answers."""

    def __init__(self, app):
        from patches import automation, cloudformation_types, dates, iam

        self.app = app
        self.paths = {
            "/_sandbox/backdate": dates.backdate, "/_sandbox/allowed": iam.allowed,
            "/_sandbox/cfnresponse": cloudformation_types.response,
            "/_sandbox/automate": automation.program, "/_sandbox/automation": automation.enter,
        }

    def __call__(self, environ, start):
        hook = self.paths.get(environ["PATH_INFO"])
        if not hook:
            return self.moto(environ, start)
        try:
            ask = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            status, answer = "200 OK", hook(**ask)
        except Exception as e:
            status, answer = "404 Not Found", {"error": f"{type(e).__name__}: {e}"}
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def moto(self, environ, start):
        hand.ours = False

        def marking(status, headers, *rest):
            return start(status, [*headers, ("X-Sandbox-Ours", "1")] if hand.ours else headers, *rest)

        return self.app(environ, marking)
