"""Calls AWS through boto3 for tests that want a second opinion: a request a line on stdin, JSON;
an answer a line on stdout. What AWS refuses is {"Error": code}."""
import json
import socket
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

clients = {}
look_up = socket.getaddrinfo


def loopback(host, *args, **kwargs):
    """S3 Control puts the account before the host, whatever it is told."""
    return look_up("127.0.0.1" if str(host).endswith(".127.0.0.1") else host, *args, **kwargs)


socket.getaddrinfo = loopback


def client(endpoint, key, secret, region, service):
    name = (key, region, service)
    if name not in clients:
        clients[name] = boto3.client(
            service, region_name=region, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 2}, proxies={}, s3={"addressing_style": "path"}),
        )
    return clients[name]


for line in sys.stdin:
    ask = json.loads(line)
    try:
        out = getattr(client(ask["endpoint"], ask["key"], ask["secret"], ask["region"], ask["service"]), ask["operation"])(**(ask["params"] or {}))
        out.pop("ResponseMetadata", None)
        answer = {"out": out}
    except ClientError as e:
        answer = {"out": {"Error": e.response["Error"]["Code"]}}
    except Exception as e:
        answer = {"failure": f"{type(e).__name__}: {e}"}
    print(json.dumps(answer, default=str), flush=True)
