"""Serves moto on a free loopback port, tells it on stdout, ends with its parent.
Arguments: the version of moto that is wanted; the text of patches.py."""
import os
import sys
import threading
from importlib import metadata

want, patches = sys.argv[1:]
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

changes = {}
exec(compile(patches, "patches.py", "exec"), changes)


def create(service):
    changes["apply"](service)
    return werkzeug_app.create_backend_app(service)


app = changes["Hooks"](werkzeug_app.DomainDispatcherApplication(create))
handler = getattr(werkzeug_app, "MotoRequestHandler", WSGIRequestHandler)
handler.log_request = lambda *a, **k: None  # the gateway keeps the journal
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
print("port", server.server_port, flush=True)
server.serve_forever()
