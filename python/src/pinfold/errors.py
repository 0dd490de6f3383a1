"""The base of every exception; the class of each code is generated from the table of errors."""

from __future__ import annotations

from typing import Any, ClassVar


class Error(Exception):
    """Something that Pinfold or the server refused or could not do.

    Branch on the class, or on :attr:`outcome`, which says whether a write may have happened.
    """

    code: int = 0
    """ZooKeeper's number, or one of ours, at or below -1000."""
    name: str = "UNKNOWN"
    """Stable name, such as ``NO_NODE``."""

    path: str | None
    """The node it is about, if it is about one."""
    outcome: str
    """``not_applied``, ``maybe_applied`` or ``session_over``: see :class:`pinfold.Outcome`."""
    op_index: int | None
    """In a failed multi, the index of the step that failed."""

    _by_code: ClassVar[dict[int, type[Error]]] = {}

    def __init__(
        self,
        message: str = "",
        *,
        path: str | None = None,
        outcome: str = "not_applied",
        op_index: int | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.outcome = outcome
        self.op_index = op_index

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        # A class of an application that inherits a code must not take the place of ours.
        if "code" in cls.__dict__:
            Error._by_code.setdefault(cls.code, cls)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled by their arguments, which leaves the keywords out.
        return (type(self), self.args, self.__dict__)


def from_native(
    code: int,
    name: str,
    message: str,
    path: str | None,
    outcome: str,
    op_index: int | None,
) -> Error:
    """Makes the exception for an error of the native module. Called by that module."""
    cls = Error._by_code.get(code, Error)
    error = cls(message, path=path, outcome=outcome, op_index=op_index)
    if cls is Error:
        # A newer server may know codes that this table does not.
        error.code, error.name = code, name
    return error
