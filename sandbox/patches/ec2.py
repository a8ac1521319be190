import re

from patches import mark, ours


def apply():
    descriptions()
    public_snapshots()
    metadata_options()
    vpc_endpoints()


def descriptions():
    """Stock moto takes any description of a security group; EC2 takes few characters, and no apostrophe.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"""
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend

    stock = EC2Backend.create_security_group

    def create(self, name, description, *args, **kwargs):
        if not re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}", description or ""):
            mark()
            raise EC2ClientError("InvalidParameterValue", "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
        return stock(self, name, description, *args, **kwargs)

    EC2Backend.create_security_group = create


def public_snapshots():
    """Stock moto ignores RestorableByUserIds, so that every snapshot looks public."""
    from moto.ec2.responses.elastic_block_store import ElasticBlockStore

    describe = ElasticBlockStore.describe_snapshots

    def describe_snapshots(self):
        answer, who = describe(self), self._get_param("RestorableByUserIds", [])
        if who:
            mark()
            account = self.current_account
            answer.result["Snapshots"] = [
                s for s in answer.result["Snapshots"]
                if ("all" in who and "all" in s.create_volume_permission_groups)
                or set(who) & set(s.create_volume_permission_userids)
                or (("self" in who or account in who) and s.owner_id == account)
            ]
        return answer

    ElasticBlockStore.describe_snapshots = describe_snapshots


def metadata_options():
    """Stock moto forgets the metadata options that a call leaves out; AWS keeps them
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html)."""
    from moto.ec2.models.instances import InstanceBackend

    stock = InstanceBackend.modify_instance_metadata_options

    @ours
    def modify(self, instance_id, http_tokens=None, hop_limit=None, http_endpoint=None, dry_run=False, http_protocol=None, metadata_tags=None):
        now = self.get_instance(instance_id).metadata_options
        return stock(
            self, instance_id, http_tokens or now.http_tokens, hop_limit or now.http_put_response_hop_limit, http_endpoint or now.http_endpoint,
            dry_run, http_protocol or now.http_protocol_ipv6, metadata_tags or now.instance_metadata_tags,
        )

    InstanceBackend.modify_instance_metadata_options = modify


def vpc_endpoints():
    """Stock moto gives an interface endpoint's interfaces the type of any other and no group, forgets client
    tokens, takes what AWS refuses (zones twice or that the service isn't in, private DNS that the VPC can't have
    or has) and lists deleted endpoints for ever; groups go while interfaces are in them.
    https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html"""
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend

    stock_create, stock_delete, stock_delete_group = EC2Backend.create_vpc_endpoint, EC2Backend.delete_vpc_endpoints, EC2Backend.delete_security_group
    stock_services = EC2Backend.describe_vpc_endpoint_services

    def refuse(self, vpc_id, name, subnets, private_dns):
        services = self.describe_vpc_endpoint_services([name], [], 1, None, self.region_name)
        supported, zones = services["servicesDetails"][0]["AvailabilityZones"], set()
        for s in subnets:
            zone = self.get_subnet(s).availability_zone
            if zone not in supported:
                raise EC2ClientError("InvalidParameter", f"The VPC endpoint service {name} does not support the availability zone of the subnet: {s}.")
            if zone in zones:
                raise EC2ClientError("DuplicateSubnetsInSameZone", f"Found another VPC endpoint subnet in the availability zone of {s}")
            zones.add(zone)
        if not private_dns:
            return
        vpc = self.get_vpc(vpc_id)
        if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
            raise EC2ClientError("InvalidParameter", f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc_id}")
        if any(e.vpc_id == vpc_id and e.service_name == name and e.private_dns_enabled for e in self.vpc_end_points.values()):
            raise EC2ClientError("InvalidParameter", f"private-dns-enabled cannot be set because there is already a conflicting DNS domain in the VPC {vpc_id}")

    @ours
    def create(self, vpc_id, service_name, endpoint_type, policy_document, route_table_ids, subnet_ids=None, client_token=None, security_group_ids=None, private_dns_enabled=None, **rest):
        for e in self.vpc_end_points.values():
            if client_token and e.client_token == client_token:
                return e
        groups = security_group_ids
        if (endpoint_type or "").lower() == "interface":
            refuse(self, vpc_id, service_name, subnet_ids or [], private_dns_enabled)
            groups = groups or [self.get_default_security_group(vpc_id).id]
        e = stock_create(
            self, vpc_id, service_name, endpoint_type, policy_document, route_table_ids, subnet_ids,
            client_token=client_token, security_group_ids=groups, private_dns_enabled=private_dns_enabled, **rest,
        )
        for eni in e.network_interface_ids:
            self.enis[eni].interface_type = "vpc_endpoint"
            self.enis[eni]._group_set = [self.get_security_group_from_id(g) for g in groups]
        return e

    @ours
    def delete(self, vpce_ids=None):
        stock_delete(self, vpce_ids)
        for e in vpce_ids or []:
            self.vpc_end_points.pop(e, None)

    def delete_group(self, name=None, group_id=None):
        if any(g.id == group_id for eni in self.enis.values() for g in eni.group_set):
            mark()
            raise EC2ClientError("DependencyViolation", f"resource {group_id} has a dependent object")
        return stock_delete_group(self, name, group_id)

    @ours
    def services(self, service_names, filters, *rest, **more):
        return stock_services(self, service_names, [{"Value": f.get("Values", []), **f} for f in filters], *rest, **more)

    EC2Backend.describe_vpc_endpoint_services = services
    EC2Backend.create_vpc_endpoint, EC2Backend.delete_vpc_endpoints, EC2Backend.delete_security_group = create, delete, delete_group
