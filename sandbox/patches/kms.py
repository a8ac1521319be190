import json

from patches import ours


def apply():
    """Stock moto forgets RotationPeriodInDays."""
    from moto.kms.responses import KmsResponse

    enable, status = KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status

    def key(self):
        return self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]

    def enable_key_rotation(self):
        answer = enable(self)
        key(self).rotation_period = self._get_param("RotationPeriodInDays") or getattr(key(self), "rotation_period", 365)
        return answer

    @ours
    def get_key_rotation_status(self):
        answer = json.loads(status(self))
        answer["KeyId"] = key(self).id
        if answer["KeyRotationEnabled"]:
            answer["RotationPeriodInDays"] = getattr(key(self), "rotation_period", 365)
        return json.dumps(answer)

    KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status = enable_key_rotation, get_key_rotation_status
