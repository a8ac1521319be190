from patches import apply as also
from patches import mark


def apply():
    """Stock moto lets methods log without a role, never takes a method's settings away, and begins new ones with an
    encrypted cache and limits of its own. Ours refuses to log without a role, removes settings, and begins them as AWS
    does, with no encryption and the account's limits:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html"""
    from moto.apigateway.exceptions import BadRequestException
    from moto.apigateway.models import APIGatewayBackend

    also("apigatewayv2")  # whose paths are served from here
    stock = APIGatewayBackend.update_stage

    def update_stage(self, function_id, stage_name, patch_operations):
        stage = self.get_stage(function_id, stage_name)
        settings, rest = stage.method_settings, []
        for op in patch_operations:
            key = "/".join(op["path"].split("/")[1:3])
            if op["op"] == "remove" and op["path"] == "/" + key and key in settings:
                mark()
                del settings[key]
                continue
            name = op["path"].removeprefix("/" + key)
            if loud(name, op.get("value")) and not self.account.cloudwatch_role_arn:
                mark()
                raise BadRequestException("CloudWatch Logs role ARN must be set in account settings to enable logging")
            if name == "/logging/loglevel" and op["value"] not in ("OFF", "ERROR", "INFO"):
                mark()
                raise BadRequestException("Invalid logging level " + op["value"])
            rest.append(op)
        before = set(settings)
        stage = stock(self, function_id, stage_name, rest)
        for key in set(stage.method_settings) - before:
            mark()
            begin(stage.method_settings[key], self.account.throttle_settings, key, rest)
        return stage

    APIGatewayBackend.update_stage = update_stage


def loud(name, value):
    """Whether an operation asks for logs."""
    return name == "/logging/loglevel" and value != "OFF" or name == "/logging/dataTrace" and str(value).lower() == "true"


def begin(setting, limits, key, operations):
    """Gives new settings AWS's defaults, but for what the operations say."""
    defaults = {
        "caching/dataEncrypted": ("cacheDataEncrypted", False),
        "throttling/burstLimit": ("throttlingBurstLimit", limits["burstLimit"]),
        "throttling/rateLimit": ("throttlingRateLimit", limits["rateLimit"]),
        "logging/loglevel": ("loggingLevel", "OFF"),
    }
    for path, (name, value) in defaults.items():
        if not any(op["path"] == f"/{key}/{path}" for op in operations):
            setting[name] = value
