"""Run by IPython at the start of a kernel under test: a lesson that reaches for the network fails with a clear error."""

import socket


def _refuse(*address, **kwargs):
    raise OSError(f"a lesson tried to reach the network: {address[:2]}")


def _guarded(connect):
    def guarded(self, address):
        if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
            _refuse(address)
        return connect(self, address)

    return guarded


socket.socket.connect = _guarded(socket.socket.connect)
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)
socket.getaddrinfo = _refuse
