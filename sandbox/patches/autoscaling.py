from patches import mark, ours


def apply():
    """Launch configurations. Stock moto gives all of them one UUID, takes a name twice and empty
    fields, describes what isn't set as null, deletes one in use and one that isn't there, and
    crashes on one that isn't there when a group asks for it. Ours does as AWS: a UUID each;
    AlreadyExists; fields of at least one character; empty text; ResourceInUse; ValidationError.

    Groups. Stock moto forgets a group's mixed instances with each update; ours keeps them."""
    from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, FakeLaunchConfiguration
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.moto_api._internal import mock_random

    init = FakeLaunchConfiguration.__init__

    def made(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.arn = self.arn.replace("9dbbbf87-6141-428a-a409-0752edbe6cad", str(mock_random.uuid4()))
        for field in ("key_name", "kernel_id", "ramdisk_id"):
            setattr(self, field, getattr(self, field) or "")

    FakeLaunchConfiguration.__init__ = made

    class AlreadyExists(AutoscalingClientError):
        code = "AlreadyExists"

    class ResourceInUse(AutoscalingClientError):
        code = "ResourceInUse"

    shortest = {
        "key_name": "keyName", "kernel_id": "kernelId", "ramdisk_id": "ramdiskId", "image_id": "imageId", "instance_type": "instanceType",
        "instance_profile_name": "iamInstanceProfile", "spot_price": "spotPrice", "classic_link_vpc_id": "classicLinkVPCId",
    }
    create = AutoScalingBackend.create_launch_configuration

    @ours
    def create_launch_configuration(self, *args, **kwargs):
        for argument, field in shortest.items():
            if kwargs.get(argument) == "":
                raise ValidationError(
                    f"1 validation error detected: Value '' at '{field}' failed to satisfy constraint: Member must have length greater than or equal to 1"
                )
        if kwargs["name"] in self.launch_configurations:
            raise AlreadyExists(f"Launch Configuration by this name already exists - A launch configuration already exists with the name {kwargs['name']}")
        return create(self, *args, **kwargs)

    AutoScalingBackend.create_launch_configuration = create_launch_configuration

    describe = AutoScalingResponse.describe_launch_configurations
    AutoScalingResponse.describe_launch_configurations = ours(describe)
    delete = AutoScalingBackend.delete_launch_configuration

    @ours
    def delete_launch_configuration(self, launch_configuration_name):
        if launch_configuration_name not in self.launch_configurations:
            raise ValidationError("Launch configuration name not found - null")
        if any(g.launch_configuration_name == launch_configuration_name for g in self.autoscaling_groups.values() if g.launch_config):
            raise ResourceInUse(f"Cannot delete launch configuration {launch_configuration_name} because it is attached to an AutoScalingGroup")
        return delete(self, launch_configuration_name)

    AutoScalingBackend.delete_launch_configuration = delete_launch_configuration

    update = FakeAutoScalingGroup.update

    def updated(self, **kwargs):
        name, mixed = kwargs.get("launch_config_name"), self.mixed_instances_policy
        if name and name not in self.autoscaling_backend.launch_configurations:
            mark()
            raise ValidationError("Launch configuration name not found - null")
        update(self, **kwargs)
        if mixed and not (name or kwargs.get("launch_template") or kwargs.get("mixed_instances_policy")):
            mark()
            self.mixed_instances_policy = mixed

    FakeAutoScalingGroup.update = updated
