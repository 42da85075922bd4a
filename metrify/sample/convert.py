"""Make the shipped sample anew from its source: `python -m metrify.sample.convert SOURCE_FOLDER [TARGET_FOLDER]`.

The source is the data set citylearn_challenge_2022_phase_all as buildings.parquet, weather_carbon_price.parquet and
schema.json. Columns are renamed and put in order, PV becomes energy, stamps are written out; see the README beside the
data for what the stamps mean and how that was found. The same source gives the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metrify.sample import FOLDER

__all__ = ["convert"]

CLOCK = np.datetime64("2016-08-01T00:00", "us")
"""The first row's label is hour 24 of 31 July: midnight, when the first hour of 1 August begins by the local clock."""
HOUR = np.timedelta64(3600, "s")
WEATHER = {
    "temperature_c": "Outdoor Drybulb Temperature [C]",
    "humidity": "Relative Humidity [%]",
    "ghi_wm2": "Diffuse Solar Radiation [W/m2]",  # by its size and the sun's height it is global, not diffuse
    "dni_wm2": "Direct Solar Radiation [W/m2]",
}


def convert(source: Path, target: Path) -> None:
    """Read the data set in `source` and write the sample's Parquet files into `target`."""
    homes = pq.read_table(source / "buildings.parquet")
    around = pq.read_table(source / "weather_carbon_price.parquet")
    buildings = json.loads((source / "schema.json").read_text())["buildings"]
    pv_kw = {
        int(name.removeprefix("Building_")): building["pv"]["attributes"]["nominal_power"]
        for name, building in buildings.items()
    }
    for name, rows in _by_home(homes, pv_kw).items():
        _write(rows, target / f"{name}.parquet")
    for name, rows in _around(around).items():
        _write(rows, target / f"{name}.parquet")


def _by_home(homes: pa.Table, pv_kw: dict[int, float]) -> dict[str, pa.Table]:
    building = homes["building"].to_numpy()
    ids = pa.array([f"home-{number:02d}" for number in building]).dictionary_encode()
    clock = pa.array(CLOCK + homes["step"].to_numpy() * HOUR)
    rated = np.array([pv_kw[number] for number in building])
    generation = homes["Solar Generation [W/kW]"].to_numpy() * rated / 1000  # W for an hour, in kWh
    load = homes["Equipment Electric Power [kWh]"].to_numpy()
    return {
        "readings": pa.table({"meter_id": ids, "clock": clock, "kwh": _rounded(load)}),
        "solar": pa.table({"meter_id": ids, "clock": clock, "generation_kwh": _rounded(generation)}),
        "meters": pa.table({"meter_id": [f"home-{number:02d}" for number in pv_kw], "pv_kw": list(pv_kw.values())}),
    }


def _around(rows: pa.Table) -> dict[str, pa.Table]:
    hours = np.arange(rows.num_rows)
    clock = pa.array(CLOCK + hours * HOUR)  # for weather these are ends of hours, by a clock without summer time
    observed = {"hour_end": clock, **{name: rows[column] for name, column in WEATHER.items()}}
    return {
        "weather": pa.table(observed),
        "forecasts": pa.concat_tables([_forecast(rows, lead) for lead in (6, 12, 24)]),
        "tariff": pa.table({"clock": clock, "price": rows["Electricity Pricing [$]"]}),
        "grid": pa.table({"clock": clock, "carbon": pc.round(rows["kg_CO2/kWh"], 6)}),
    }


def _forecast(rows: pa.Table, lead: int) -> pa.Table:
    """Row t says what comes `lead` hours later; the last rows, which say again how the year began, are left out."""
    hours = np.arange(rows.num_rows - lead)
    values = {name: rows[f"{lead}h Prediction {column}"].slice(0, len(hours)) for name, column in WEATHER.items()}
    return pa.table(
        {"issued": pa.array(CLOCK + (hours - 1) * HOUR), "hour_end": pa.array(CLOCK + (hours + lead) * HOUR), **values}
    )


def _rounded(kwh: np.ndarray) -> pa.Array:
    """To a tenth of a watt-hour: what a meter resolves, and a third of the bytes."""
    return pa.array(np.round(kwh, 4))


def _write(rows: pa.Table, path: Path) -> None:
    times = {field.name: "DELTA_BINARY_PACKED" for field in rows.schema if pa.types.is_timestamp(field.type)}
    others = [name for name in rows.column_names if name not in times]
    pq.write_table(rows, path, compression="zstd", compression_level=19, use_dictionary=others, column_encoding=times)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER)
