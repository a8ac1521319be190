"""Writes operations.txt, the names of REST operations, from botocore's service models:
    .venv/bin/python sandbox/operations.py > sandbox/operations.txt
A line is: service, method, path, query keys that it needs, header that it needs, name."""
import sys

from botocore.loaders import Loader

# botocore's name of a service: how the gateway calls it
SERVICES = {
    "s3": "s3", "s3control": "s3control", "lambda": "lambda", "securityhub": "securityhub",
    "apigateway": "apigateway", "apigatewayv2": "apigateway", "cloudfront": "cloudfront", "route53": "route53",
    "guardduty": "guardduty", "macie2": "macie2", "efs": "elasticfilesystem", "eks": "eks",
    "opensearch": "es", "accessanalyzer": "access-analyzer", "account": "account",
    "backup": "backup", "inspector2": "inspector2",
}


def required(shape, shapes, location):
    members = shapes.get(shape, {}).get("members", {})
    return [m["locationName"] for n, m in members.items() if n in shapes[shape].get("required", []) and m.get("location") == location]


for model, service in SERVICES.items():
    api = Loader().load_service_model(model, "service-2")
    for name, op in sorted(api["operations"].items()):
        if op.get("deprecated") and model == "s3":
            continue  # GetBucketNotification has the place of GetBucketNotificationConfiguration
        path, _, query = op["http"]["requestUri"].partition("?")
        keys, headers, shape = [q for q in query.split("&") if q and not q.startswith("x-id")], [], op.get("input", {}).get("shape")
        if shape and model == "s3":
            keys += required(shape, api["shapes"], "querystring")
            headers = [h for h in required(shape, api["shapes"], "header") if h.startswith("x-amz-copy-source")]
        print(service, op["http"]["method"], path, "&".join(sorted(keys)) or "-", (headers or ["-"])[0], name)
print(len(SERVICES), "services", file=sys.stderr)
