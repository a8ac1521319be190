import patches
from patches import mark, ours


def apply():
    """Stock moto drops NotificationARNs of an update and refuses one that changes nothing else, forgets the role and the
    capabilities, resets no parameter that an update leaves out, knows no request tokens, is done at once, and has no
    termination protection but at creation. Ours does these as AWS does:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html"""
    from moto.cloudformation.models import CloudFormationBackend
    from moto.cloudformation.responses import CloudFormationResponse
    from moto.core.responses import ActionResult

    patches.apply("cloudformation_types")
    for service in ("lambda", "stepfunctions"):  # stacks make what nobody calls their APIs for
        patches.apply(service)

    create, delete, describe = CloudFormationResponse.create_stack, CloudFormationBackend.delete_stack, CloudFormationBackend.describe_stacks

    def create_stack(self):
        answer = create(self)
        self.cloudformation_backend.get_stack(answer.result["StackId"]).capabilities = self._get_param("Capabilities", [])
        return answer

    @ours
    def update_stack(self):
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        check(self, stack)
        named = any(n.startswith("NotificationARNs") for n in self.data)  # none at all is named, too
        topics = self._get_param("NotificationARNs", []) if named else stack.notification_arns
        template, parameters = wanted(self, stack)
        tags = {t["Key"]: t["Value"] for t in self._get_param("Tags", [])} or stack.tags
        changed = template != stack.template or parameters != stack.stack_parameters
        if not changed and topics == stack.notification_arns and tags == stack.tags:
            raise refusal("ValidationError", "No updates are to be performed.")
        if changed:
            stack.update(template, self._get_param("RoleARN") or stack.role_arn, parameters=parameters, tags=tags)
        stack.notification_arns, stack.tags = topics, tags
        stack.tokens.add(self._get_param("ClientRequestToken"))
        stack.capabilities = self._get_param("Capabilities", [])
        stack.status, stack.looks = "UPDATE_IN_PROGRESS", 1
        return ActionResult({"StackId": stack.stack_id})

    def describe_stacks(self, name_or_stack_id):
        stacks = describe(self, name_or_stack_id)
        for s in stacks:
            if hasattr(s, "looks"):
                mark()
                s.looks -= 1
                if s.looks < 0:
                    s.status = "UPDATE_COMPLETE"
                    del s.looks
        return stacks

    @ours
    def update_termination_protection(self):
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        if stack.status.startswith("DELETE_"):
            raise refusal("ValidationError", f"Stack [{stack.stack_id}] is in {stack.status} state.")
        stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self, name_or_stack_id):
        for s in self.stacks.values():
            if name_or_stack_id in (s.stack_id, s.name) and s.enable_termination_protection:
                raise refusal("ValidationError", f"Stack [{s.name}] cannot be deleted while TerminationProtection is enabled")
        return delete(self, name_or_stack_id)

    CloudFormationResponse.create_stack = create_stack
    CloudFormationResponse.update_stack = update_stack
    CloudFormationResponse.update_termination_protection = update_termination_protection
    CloudFormationBackend.describe_stacks = describe_stacks
    CloudFormationBackend.delete_stack = delete_stack


def check(self, stack):
    """Refuses what AWS refuses of an update."""
    token = self._get_param("ClientRequestToken")
    stack.tokens = getattr(stack, "tokens", set())
    if token and token in stack.tokens:
        raise refusal("TokenAlreadyExistsException", f"A client request token {token} already exists")
    if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"):
        raise refusal("ValidationError", f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    if len(self._get_param("NotificationARNs", [])) > 5:
        raise refusal("ValidationError", "Member must have length less than or equal to 5")
    kinds = {r.get("Type") for r in stack.template_dict.get("Resources", {}).values()}
    named = self._get_param("Capabilities", [])
    if any(str(k).startswith("AWS::IAM::") for k in kinds) and "CAPABILITY_NAMED_IAM" not in named:
        raise refusal("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")


def wanted(self, stack):
    """The template and the parameters after an update: one that it leaves out has its default again."""
    previous = self._get_bool_param("UsePreviousTemplate", False)
    template = stack.template if previous else self._get_param("TemplateBody")
    if not template:
        raise refusal("ValidationError", "Either Template URL or Template Body must be specified.")
    given, parameters = {p["ParameterKey"]: p for p in self._get_param("Parameters", [])}, {}
    for name, about in stack.parse_template(template).get("Parameters", {}).items():
        p = given.get(name)
        if p and str(p.get("UsePreviousValue")).lower() == "true":
            parameters[name] = stack.stack_parameters[name]
        elif p:
            parameters[name] = p["ParameterValue"]
        elif "Default" in about:
            parameters[name] = about["Default"]
        else:
            raise refusal("ValidationError", f"Parameters: [{name}] must have values")
    return template, parameters


def refusal(code, message):
    from moto.cloudformation.exceptions import CloudFormationError

    mark()
    error = CloudFormationError(message)
    error.code = code
    return error
