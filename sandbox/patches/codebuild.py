import copy
import json

from patches import ours

SETTINGS = (
    "description", "source", "secondarySources", "sourceVersion", "secondarySourceVersions", "artifacts", "secondaryArtifacts", "cache",
    "environment", "serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes", "encryptionKey", "tags", "vpcConfig", "logsConfig",
    "fileSystemLocations", "buildBatchConfig", "concurrentBuildLimit", "autoRetryLimit",
)  # of UpdateProject, after botocore's model; badgeEnabled besides


def apply():
    """Stock moto lacks UpdateProject. Ours changes the settings that it is told and leaves all others as they
    are; it refuses what the service's model refuses, and two environment variables of one name."""
    from moto.codebuild.exceptions import InvalidInputException, ResourceNotFoundException
    from moto.codebuild.responses import CodeBuildResponse
    from moto.core.utils import unix_time

    def check(environment, model):
        shape = model["ProjectEnvironment"]
        for field in shape["required"]:
            if not environment.get(field):
                raise InvalidInputException(f"environment.{field} must not be null")
        for field, of in (("type", "EnvironmentType"), ("computeType", "ComputeType")):
            if environment[field] not in model[of]["enum"]:
                raise InvalidInputException(f"Invalid environment.{field}: {environment[field]}")
        seen = set()
        for v in environment.get("environmentVariables") or []:
            if not v.get("name") or v.get("value") is None:
                raise InvalidInputException("Environment variables must have a name and a value")
            if v.get("type", "PLAINTEXT") not in model["EnvironmentVariableType"]["enum"]:
                raise InvalidInputException(f"Invalid type of environment variable {v['name']}")
            if v["name"] in seen:
                raise InvalidInputException(f"Duplicate environment variable {v['name']}")
            seen.add(v["name"])

    @ours
    def update_project(self):
        ask = json.loads(self.body)
        name = ask.get("name")
        if not name:
            raise InvalidInputException("Project name must not be null")
        project = self.codebuild_backend.codebuild_projects.get(name)
        if not project:
            raise ResourceNotFoundException(f"Project cannot be found: {name}")
        if ask.get("environment"):
            from botocore.loaders import Loader

            check(ask["environment"], Loader().load_service_model("codebuild", "service-2")["shapes"])
        told = project.project_metadata
        for setting in SETTINGS:
            if ask.get(setting) is not None:
                told[setting] = copy.deepcopy(ask[setting])
        if ask.get("badgeEnabled") is not None:
            told["badge"] = {"badgeEnabled": ask["badgeEnabled"]}
        told["lastModified"] = unix_time()
        return json.dumps({"project": told})

    CodeBuildResponse.update_project = update_project
