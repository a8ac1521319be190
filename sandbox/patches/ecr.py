from patches import ours


def apply():
    """Stock moto ignores an empty configuration, which is how clients say scanOnPush: false."""
    from moto.ecr.models import ECRBackend

    stock = ECRBackend.put_image_scanning_configuration

    @ours
    def put(self, registry_id, repository_name, image_scan_config):
        return stock(self, registry_id, repository_name, {"scanOnPush": False} | (image_scan_config or {}))

    ECRBackend.put_image_scanning_configuration = put
