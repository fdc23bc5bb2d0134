"""placeholder"""


class IsthmusError(Exception):
    pass


class InputError(IsthmusError):
    pass
