import json
from datetime import datetime
from urllib.parse import unquote

from patches import ours


def apply():
    """Stock moto has no UpdateStage. Ours replaces what the request names, defaultRouteSettings and each route's settings
    as a whole (AWS leaves open whether it merges those, and this is the harder reading), keeps those of routes that it
    doesn't name, and refuses levels that the model doesn't have, routes that aren't there, logs of HTTP APIs, and logs
    in an account that has no role for them:
    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html"""
    from moto.apigatewayv2.exceptions import APIGatewayV2Error, BadRequestException
    from moto.apigatewayv2.responses import ApiGatewayV2Response

    fields = {
        "accessLogSettings": "access_log_settings", "autoDeploy": "auto_deploy", "clientCertificateId": "client_certificate_id",
        "defaultRouteSettings": "default_route_settings", "deploymentId": "deployment_id", "description": "description",
        "routeSettings": "route_settings", "stageVariables": "stage_variables",
    }

    def check(self, api, asked):
        from moto.apigateway.models import apigateway_backends

        there = {r.route_key for r in api.routes.values()}
        for route in set(asked.get("routeSettings", {})) - there:
            error = APIGatewayV2Error("NotFoundException", f"Unable to find Route by key {route} within the provided RouteSettings")
            error.code = 404
            raise error
        for s in [asked.get("defaultRouteSettings", {}), *asked.get("routeSettings", {}).values()]:
            level = s.get("loggingLevel")
            if level not in (None, "OFF", "ERROR", "INFO"):
                raise BadRequestException(f"Invalid logging level {level}")
            if api.protocol_type == "HTTP" and (level or "dataTraceEnabled" in s):
                raise BadRequestException("Execution logs are not supported on protocolType HTTP")
            role = apigateway_backends[self.current_account][self.region].account.cloudwatch_role_arn
            if (level not in (None, "OFF") or s.get("dataTraceEnabled")) and not role:
                raise BadRequestException("CloudWatch Logs role ARN must be set in account settings to enable logging")

    @ours
    def update_stage(self):
        _, api_id, _, name = self.path.rstrip("/").rsplit("/", 3)
        asked = json.loads(self.body)
        api = self.apigatewayv2_backend.get_api(api_id)
        stage = api.get_stage(unquote(name))
        check(self, api, asked)
        for field, value in asked.items():
            if field == "routeSettings":
                value = {**(stage.route_settings or {}), **value}
            setattr(stage, fields[field], value)
        stage.updated = datetime.now()
        return 200, {}, json.dumps(stage.to_json())

    ApiGatewayV2Response.update_stage = update_stage
