from patches import mark, ours


def apply():
    public_snapshots()
    metadata_options()


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
