"""A seeded fleet on top of real load shapes, and histories of devices: with the truth about what is wrong and why."""

from __future__ import annotations

from metrify.sample.simulator.devices import DeviceHistories, simulate_devices
from metrify.sample.simulator.fleet import Fleet, simulate
from metrify.sample.simulator.write import load, load_devices, load_files, write, write_devices

__all__ = [
    "DeviceHistories",
    "Fleet",
    "load",
    "load_devices",
    "load_files",
    "simulate",
    "simulate_devices",
    "write",
    "write_devices",
]
