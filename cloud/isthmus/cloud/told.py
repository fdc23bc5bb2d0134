"""How a call is told why it ends."""

from __future__ import annotations

import grpc
import grpc.aio

from isthmus.common import status

Context = grpc.aio.ServicerContext[bytes, bytes]

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def tell_end(context: Context, error: Exception) -> None:
    """Set the status that a call ends with when its handler returns."""
    told = status.to_status(error)
    context.set_code(_CODES[told.code])
    context.set_details(told.message)
    context.set_trailing_metadata(((status.DETAILS_KEY, told.SerializeToString()),))
