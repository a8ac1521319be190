import copy

import moto


def apply():
    """moto 5.2.1 copies all executions with their locks at a second start (getmoto/moto#10077)."""
    if moto.__version__ != "5.2.1":
        return
    from moto.stepfunctions.models import StateMachine

    def shallow(self, memo):
        clone = copy.copy(self)
        clone.executions = []
        return clone

    StateMachine.__deepcopy__ = shallow
