from patches import ours


def apply():
    """Scalable targets. Stock moto forgets the tags that one is registered with and has no tag
    operations, takes a minimum over the maximum and a missing bound, and keeps the policies of a
    target that is deregistered. Ours keeps tags, validates, and deletes the policies and scheduled
    actions with it.

    Policies. Stock moto puts one on what isn't registered, and answers ValidationException for
    whatever is missing. Ours answers ObjectNotFoundException for both, as AWS does."""
    import json

    from moto.applicationautoscaling.exceptions import AWSValidationException
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend as Backend
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Response
    from moto.core.exceptions import JsonRESTError

    def missing(kind, **what):
        return JsonRESTError("ObjectNotFoundException", f"No {kind} found for " + ", ".join(f"{k.replace('_', ' ')}: {v}" for k, v in what.items()))

    register = Backend.register_scalable_target

    @ours
    def register_scalable_target(self, namespace, r_id, dimension, min_capacity, max_capacity, role_arn, suspended_state):
        known = self.targets.get(dimension, {}).get(r_id)
        low = min_capacity if min_capacity is not None else known and known.min_capacity
        high = max_capacity if max_capacity is not None else known and known.max_capacity
        if low is None or high is None:
            raise AWSValidationException("Minimum and maximum capacity must be specified")
        if low > high:
            raise AWSValidationException(f"Maximum capacity cannot be less than minimum capacity: {low} > {high}")
        return register(self, namespace, r_id, dimension, min_capacity, max_capacity, role_arn, suspended_state)

    Backend.register_scalable_target = register_scalable_target
    respond = Response.register_scalable_target

    def register_with_tags(self):
        backend, tags = self.applicationautoscaling_backend, self._get_param("Tags")
        known = backend.targets.get(self._get_param("ScalableDimension"), {}).get(self._get_param("ResourceId"))
        if known and tags:
            raise AWSValidationException("The scalable target that you tried to tag already exists. To update tags on an existing scalable target, use the TagResource API.")
        answer = respond(self)
        target = backend.targets[self._get_param("ScalableDimension")][self._get_param("ResourceId")]
        if not known:
            target.tags = dict(tags or {})
        return answer

    Response.register_scalable_target = register_with_tags

    def tagged(self):
        arn = self._get_param("ResourceARN")
        for targets in self.applicationautoscaling_backend.targets.values():
            for target in targets.values():
                if target.arn == arn:
                    return target.tags
        raise JsonRESTError("ResourceNotFoundException", f"The resource {arn} was not found")

    @ours
    def list_tags_for_resource(self):
        return json.dumps({"Tags": tagged(self)})

    @ours
    def tag_resource(self):
        tags = tagged(self)
        if len(tags | self._get_param("Tags")) > 50:
            raise JsonRESTError("TooManyTagsException", "A resource can have 50 tags")
        tags.update(self._get_param("Tags"))
        return "{}"

    @ours
    def untag_resource(self):
        tags = tagged(self)
        for key in self._get_param("TagKeys"):
            tags.pop(key, None)
        return "{}"

    Response.list_tags_for_resource, Response.tag_resource, Response.untag_resource = list_tags_for_resource, tag_resource, untag_resource
    deregister = Backend.deregister_scalable_target

    @ours
    def deregister_scalable_target(self, namespace, r_id, dimension):
        if not self._scalable_target_exists(r_id, dimension):
            raise missing("scalable target", service_namespace=namespace, resource_ID=r_id, scalable_dimension=dimension)
        for policy in [p for p in self.policies.values() if (p.service_namespace, p.resource_id, p.scalable_dimension) == (namespace, r_id, dimension)]:
            self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        self.scheduled_actions = [a for a in self.scheduled_actions if (a.service_namespace, a.resource_id, a.scalable_dimension) != (namespace, r_id, dimension)]
        return deregister(self, namespace, r_id, dimension)

    Backend.deregister_scalable_target = deregister_scalable_target
    put = Backend.put_scaling_policy

    @ours
    def put_scaling_policy(self, policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type):
        if not self._scalable_target_exists(resource_id, scalable_dimension):
            raise missing("scalable target", service_namespace=service_namespace, resource_ID=resource_id, scalable_dimension=scalable_dimension)
        return put(self, policy_name, service_namespace, resource_id, scalable_dimension, policy_body, policy_type)

    Backend.put_scaling_policy = put_scaling_policy
    delete = Backend.delete_scaling_policy

    @ours
    def delete_scaling_policy(self, policy_name, service_namespace, resource_id, scalable_dimension):
        try:
            return delete(self, policy_name, service_namespace, resource_id, scalable_dimension)
        except AWSValidationException:
            raise missing("scaling policy", service_namespace=service_namespace, resource_ID=resource_id, scalable_dimension=scalable_dimension, policy_name=policy_name)

    Backend.delete_scaling_policy = delete_scaling_policy
