"""`[metrics]`: whether and where what is measured can be read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

_MAX_PORT = 65_535


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= _MAX_PORT):
        raise ValueError('expected a host and a port, such as "127.0.0.1:9464"')
    return text


class MetricsSettings(BaseModel):
    """Metrics for Prometheus. Whoever reaches them reads them: they are off unless they are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = False  # `serve` answers `/metrics` at its own address
    schedule_address: Annotated[str, AfterValidator(_address)] | None = None  # where `schedule` answers it

    @property
    def schedule_host_and_port(self) -> tuple[str, int] | None:
        """Where `schedule` listens, if it does; a host in brackets is an IPv6 address."""
        if self.schedule_address is None:
            return None
        host, _, port = self.schedule_address.rpartition(":")
        return host.strip("[]"), int(port)
