"""Green Button feeds for tests, written entry by entry as utilities do."""

from __future__ import annotations

from pathlib import Path

__all__ = ["block", "channel", "entry", "feed", "meter_reading", "reading", "reading_type", "usage_point", "write_feed"]

BASE = "https://utility.example/DataCustodian/espi/1_1/resource/Subscription/1"


def feed(*entries: str, namespace: str = "http://naesb.org/espi") -> str:
    return (
        '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>urn:uuid:0</id><title>t</title>{''.join(entries)}</feed>"
    ).replace("NAMESPACE", namespace)


def write_feed(path: Path, *entries: str) -> Path:
    path.write_text(feed(*entries))
    return path


def entry(content: str, own: str = "", up: str = "", related: tuple[str, ...] = (), title: str = "") -> str:
    links = f'<link rel="self" href="{own}"/>' if own else ""
    links += f'<link rel="up" href="{up}"/>' if up else ""
    links += "".join(f'<link rel="related" href="{address}"/>' for address in related)
    return f"<entry><id>x</id>{links}<title>{title}</title><content>{content}</content></entry>"


def usage_point(name: str = "U1", inner: str = "", **links) -> str:
    kind = '<UsagePoint xmlns="NAMESPACE"><ServiceCategory><kind>0</kind></ServiceCategory>'
    given = {"own": f"{BASE}/UsagePoint/{name}", "related": (f"{BASE}/UsagePoint/{name}/MeterReading",), **links}
    return entry(f"{kind}{inner}</UsagePoint>", **given)


def meter_reading(point: str = "U1", name: str = "1", kind: str = "T1", **links) -> str:
    own = f"{BASE}/UsagePoint/{point}/MeterReading/{name}"
    related = (f"{own}/IntervalBlock", f"{BASE}/ReadingType/{kind}")
    given = {"own": own, "up": f"{BASE}/UsagePoint/{point}/MeterReading", "related": related, **links}
    return entry('<MeterReading xmlns="NAMESPACE"/>', **given)


def reading_type(name: str = "T1", own: str | None = None, **told) -> str:
    told = {"accumulationBehaviour": 4, "flowDirection": 1, "intervalLength": 3600, "uom": 72} | told
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in told.items() if value is not None)
    return entry(
        f'<ReadingType xmlns="NAMESPACE">{inner}</ReadingType>', f"{BASE}/ReadingType/{name}" if own is None else own
    )


def reading(start: object, value: object, duration: object = 3600, *qualities: int) -> str:
    quality = "".join(f"<ReadingQuality><quality>{code}</quality></ReadingQuality>" for code in qualities)
    times = "" if start is None else f"<start>{start}</start>"
    return (
        f"<IntervalReading><cost>7</cost>{quality}<timePeriod><duration>{duration}</duration>{times}</timePeriod>"
        f"<value>{value}</value></IntervalReading>"
    )


def block(*readings: str, point: str = "U1", name: str = "1", **links) -> str:
    up = f"{BASE}/UsagePoint/{point}/MeterReading/{name}/IntervalBlock"
    interval = "<interval><duration>86400</duration><start>0</start></interval>"
    given = {"own": f"{up}/b", "up": up, **links}
    return entry(f'<IntervalBlock xmlns="NAMESPACE">{interval}{"".join(readings)}</IntervalBlock>', **given)


def channel(name: str, *readings: str, point: str = "U1", **told) -> list[str]:
    """The three entries of one channel."""
    return [meter_reading(point, name, name), reading_type(name, **told), block(*readings, point=point, name=name)]
