"""Where one of the deployment's web servers listens."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class WebAddress:
    """A host, as a name or a number, and a port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """For a person to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def answers(self) -> bool:
        """Whether anything listens there."""
        try:
            with socket.create_connection((self.host, self.port), timeout=0.5):
                return True
        except OSError:
            return False
