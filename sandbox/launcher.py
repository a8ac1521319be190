"""Serves moto on a free loopback port, tells it on stdout, ends with its parent.
Argument: the version of moto that is wanted. The first line of stdin is the modules of the
package patches, a JSON object of name to text."""
import importlib.abc
import importlib.util
import json
import os
import sys
import threading
from importlib import metadata

want, modules = sys.argv[1], json.loads(sys.stdin.buffer.readline())
try:
    have = metadata.version("moto")
except metadata.PackageNotFoundError:
    have = "none"
if have != want:
    print(f"has moto {have}" if have != "none" else "has no moto", file=sys.stderr)
    sys.exit(3)


def end_with_parent():
    sys.stdin.buffer.read()  # EOF: whoever started us is gone, however it went
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()

from moto.core.config import default_user_config

default_user_config["stepfunctions"] = {"execute_state_machine": True}  # else executions only pretend
default_user_config["lambda"] = {"use_docker": False}  # there is no Docker here

from moto.moto_server import werkzeug_app
from werkzeug.serving import WSGIRequestHandler, make_server



class Patches(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the package patches from what was sent."""

    def find_spec(self, name, path=None, target=None):
        if name in modules:
            return importlib.util.spec_from_loader(name, self, is_package=name == "patches")

    def get_source(self, name):
        return modules[name]


sys.meta_path.insert(0, Patches())
import patches

patches.apply("iam")  # behind every service


def create(service):
    patches.apply(service)
    return werkzeug_app.create_backend_app(service)


app = patches.Hooks(werkzeug_app.DomainDispatcherApplication(create))
handler = getattr(werkzeug_app, "MotoRequestHandler", WSGIRequestHandler)
handler.log_request = lambda *a, **k: None  # the gateway keeps the journal
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
patches.port = server.server_port
print("port", server.server_port, flush=True)
server.serve_forever()
