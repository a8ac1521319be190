from patches import mark


def apply():
    """Stock moto takes a family's latest revision for the one that is meant by the family's name,
    though it was deregistered. Ours takes the latest active one, as ECS does, and has none if none
    is active. Stock moto forgets who registered a task definition and when; so does ours."""
    from moto.ecs.exceptions import TaskDefinitionNotFoundException
    from moto.ecs.models import EC2ContainerServiceBackend

    describe = EC2ContainerServiceBackend.describe_task_definition

    def describe_task_definition(self, task_definition_str):
        name = task_definition_str.split("/")[-1]
        revisions = self.task_definitions.get(name)
        if not revisions:
            return describe(self, task_definition_str)
        active = [n for n, definition in revisions.items() if definition.status == "ACTIVE"]
        if active and max(active) == max(revisions):
            return describe(self, task_definition_str)
        mark()
        if not active:
            raise TaskDefinitionNotFoundException()
        return revisions[max(active)]

    EC2ContainerServiceBackend.describe_task_definition = describe_task_definition
