"""Tables that the world fills: readings, surroundings, meters, assets and what happened to them."""

from __future__ import annotations

from metrify.schema.table import DATE, F64, I32, TEXT, TIME, Column, Table

__all__ = [
    "ASSET",
    "EVENT",
    "GRID",
    "HOLIDAY",
    "METER",
    "READING",
    "READING_HISTORY",
    "SOLAR",
    "TARIFF",
    "WEATHER",
]

_METER_ID = Column("meter_id", TEXT, "", "the metering point: what is forecast and billed", required=True)
_TIMESTAMP = Column("timestamp", TIME, "UTC", "start of the interval", required=True)
_AVAILABLE = Column("available_at", TIME, "UTC", "from when on it could be known; nothing earlier may use it")
_INGESTED = Column("ingested_at", TIME, "UTC", "when it entered the lake")

_READING_COLUMNS = (
    _METER_ID,
    _TIMESTAMP,
    Column(
        "kwh", F64, "kWh", "energy taken in the interval; below zero only where a net meter exports", False, -1e6, 1e6
    ),
    Column("kwh_export", F64, "kWh", "energy given back in the interval", False, -1e6, 1e6),
    Column("kvarh", F64, "kvarh", "reactive energy in the interval", False, -1e6, 1e6),
    Column("voltage_v", F64, "V", "mean voltage of the interval", False, 0, 1e6),
    Column("current_a", F64, "A", "mean current of the interval", False, -1e5, 1e5),
    Column("register_kwh", F64, "kWh", "the counter of energy taken, at the end of the interval", False, 0),
    Column("register_export_kwh", F64, "kWh", "the counter of energy given back, at the end of the interval", False, 0),
    Column("version", I32, "", "the source's version of this reading; the higher one wins", required=True),
    _AVAILABLE,
    Column("ingested_at", TIME, "UTC", "when it entered the lake; breaks a tie of versions", required=True),
)

READING = Table(
    "READING",
    "What meters reported: the current version of each interval.",
    _READING_COLUMNS,
    key=("meter_id", "timestamp"),
    by_meter=True,
    measures=(
        "kwh",
        "kwh_export",
        "kvarh",
        "voltage_v",
        "current_a",
        "register_kwh",
        "register_export_kwh",
    ),
)

READING_HISTORY = Table(
    "READING_HISTORY",
    "What a later version replaced: a raw reading is never lost.",
    (*_READING_COLUMNS, Column("superseded_at", TIME, "UTC", "when the later version entered", required=True)),
    key=("meter_id", "timestamp", "version", "ingested_at"),
    by_meter=True,
)

WEATHER = Table(
    "WEATHER",
    "Weather observed and forecast; an observation is available after its interval, a forecast from its issue on.",
    (
        Column("location", TEXT, "", "the place that METER rows name", required=True),
        _TIMESTAMP,
        Column("kind", TEXT, "", "observed or forecast", required=True),
        Column("available_at", TIME, "UTC", "from when on it could be known", required=True),
        Column("temperature_c", F64, "degC", "air temperature", False, -90, 65),
        Column("humidity", F64, "%", "relative humidity", False, 0, 110),
        Column("wind_speed_ms", F64, "m/s", "wind speed", False, 0, 120),
        Column("pressure_hpa", F64, "hPa", "air pressure", False, 300, 1100),
        Column("cloud_cover", F64, "%", "share of the sky under cloud", False, 0, 100),
        Column("ghi_wm2", F64, "W/m2", "global horizontal irradiance", False, 0, 2000),
        Column("dni_wm2", F64, "W/m2", "direct normal irradiance", False, 0, 2000),
        Column("dhi_wm2", F64, "W/m2", "diffuse horizontal irradiance", False, 0, 2000),
        _INGESTED,
    ),
    key=("location", "timestamp", "kind", "available_at"),
    measures=(
        "temperature_c",
        "humidity",
        "wind_speed_ms",
        "pressure_hpa",
        "cloud_cover",
        "ghi_wm2",
        "dni_wm2",
        "dhi_wm2",
    ),
)

GRID = Table(
    "GRID",
    "State of the grid at a node: transformer, feeder or system.",
    (
        Column("node_id", TEXT, "", "transformer, feeder or system", required=True),
        _TIMESTAMP,
        Column("load_kw", F64, "kW", "mean active power through the node", False, -1e9, 1e9),
        Column("voltage_v", F64, "V", "mean voltage", False, 0, 1e6),
        Column("frequency_hz", F64, "Hz", "mean frequency", False, 0, 100),
        Column("loading", F64, "%", "load as a share of the rating", False, 0, 1000),
        Column("temperature_c", F64, "degC", "temperature of the equipment, oil or winding", False, -90, 400),
        Column("carbon_kg_per_kwh", F64, "kg/kWh", "carbon intensity of the supply", False, 0, 5),
        _AVAILABLE,
        _INGESTED,
    ),
    key=("node_id", "timestamp"),
    measures=("load_kw", "voltage_v", "frequency_hz", "loading", "temperature_c", "carbon_kg_per_kwh"),
)

SOLAR = Table(
    "SOLAR",
    "Solar production metered at a metering point.",
    (
        _METER_ID,
        _TIMESTAMP,
        Column("generation_kwh", F64, "kWh", "energy produced in the interval", False, -1e6, 1e6),
        _AVAILABLE,
        _INGESTED,
    ),
    key=("meter_id", "timestamp"),
    by_meter=True,
    measures=("generation_kwh",),
)

TARIFF = Table(
    "TARIFF",
    "Prices by tariff and time, with when they were announced.",
    (
        Column("tariff_id", TEXT, "", "the tariff that METER rows name", required=True),
        _TIMESTAMP,
        Column("price_per_kwh", F64, "1/kWh", "price of energy in the currency of the tariff", False, -1e3, 1e4),
        Column("band", TEXT, "", "the tariff's own word for the price level"),
        _AVAILABLE,
        _INGESTED,
    ),
    key=("tariff_id", "timestamp"),
    measures=("price_per_kwh", "band"),
)

HOLIDAY = Table(
    "HOLIDAY",
    "Days that people treat like no ordinary day; adds to the public holidays that Metrify knows by country.",
    (
        Column("country", TEXT, "ISO 3166-1", "country", required=True),
        Column("subdivision", TEXT, "ISO 3166-2", "region within the country, empty for all", required=True),
        Column("date", DATE, "", "local date", required=True),
        Column("kind", TEXT, "", "public or school", required=True),
        Column("name", TEXT, "", "what people call it"),
        _INGESTED,
    ),
    key=("country", "subdivision", "date", "kind"),
)

METER = Table(
    "METER",
    "Metering points, and the device that measured there from when to when.",
    (
        _METER_ID,
        Column("valid_from", TIME, "UTC", "from when on this row holds", required=True),
        Column("valid_to", TIME, "UTC", "until when; empty means still"),
        Column("device_id", TEXT, "", "the device: what is exchanged and fails"),
        Column("zone", TEXT, "IANA", "time zone of the place", required=True),
        Column("country", TEXT, "ISO 3166-1", "country, for holidays"),
        Column("subdivision", TEXT, "ISO 3166-2", "region within the country, for holidays"),
        Column("location", TEXT, "", "the place of its WEATHER rows"),
        Column("latitude", F64, "deg", "north is positive", False, -90, 90),
        Column("longitude", F64, "deg", "east is positive", False, -180, 180),
        Column("customer_class", TEXT, "", "residential, commercial, industrial or the utility's own word"),
        Column("tariff_id", TEXT, "", "the tariff of its TARIFF rows"),
        Column("transformer_id", TEXT, "", "the transformer that feeds it"),
        Column("feeder_id", TEXT, "", "the feeder that feeds the transformer"),
        Column("interval_minutes", I32, "min", "interval length; empty means: as the readings show", False, 1, 1440),
        Column("pv_kw", F64, "kW", "rated solar power behind the meter", False, 0, 1e6),
        _INGESTED,
    ),
    key=("meter_id", "valid_from"),
)

ASSET = Table(
    "ASSET",
    "Equipment that can fail: devices, transformers and anything a utility brings.",
    (
        Column("asset_id", TEXT, "", "the equipment", required=True),
        Column("kind", TEXT, "", "meter, transformer or the utility's own word", required=True),
        Column("make", TEXT, "", "maker"),
        Column("model", TEXT, "", "maker's model"),
        Column("firmware", TEXT, "", "firmware version"),
        Column("installed_on", DATE, "", "date of installation"),
        Column("retired_on", DATE, "", "date of removal; empty means in service"),
        Column("location", TEXT, "", "the place of its WEATHER rows"),
        Column("rating_kva", F64, "kVA", "rated power", False, 0, 1e7),
        Column("parent_id", TEXT, "", "the equipment that feeds it"),
        _INGESTED,
    ),
    key=("asset_id",),
)

EVENT = Table(
    "EVENT",
    "What happened to equipment or supply: failure, replacement, repair, inspection, tamper, outage.",
    (
        Column("subject_id", TEXT, "", "asset, meter, transformer or feeder", required=True),
        Column("timestamp", TIME, "UTC", "when it began", required=True),
        Column("kind", TEXT, "", "failure, replacement, repair, inspection, tamper, outage, ...", required=True),
        Column("until", TIME, "UTC", "when it ended; empty for a moment"),
        Column("detail", TEXT, "", "the source's own words"),
        _AVAILABLE,
        _INGESTED,
    ),
    key=("subject_id", "timestamp", "kind"),
)
