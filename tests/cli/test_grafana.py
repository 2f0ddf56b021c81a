#!/usr/bin/env python3
"""The dashboard contrib/grafana/whybounced.json asks only for what the daemon writes.

Metric names, label names and fixed label values in its queries are looked up in
src/app/metrics.c, and every metric there must be shown. Prints TAP, exits 1 on failure.
"""

import json
import os
import re
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DASHBOARD = os.path.join(CHECKOUT, "contrib", "grafana", "whybounced.json")
SOURCE = os.path.join(CHECKOUT, "src", "app", "metrics.c")
FROM_PROMETHEUS = {"instance"}  # a label that Prometheus adds itself

results = []


def check(good, name, details=()):
    """Prints one result, with details if it is bad."""
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} {len(results)} - {name}", flush=True)
    if not good:
        for detail in details:
            print(f"# {detail}")


def written_metrics():
    """({metric: its labels}, text of metrics.c with its strings joined). A metric is a name
    that is written with a value behind it; HELP lines have none."""
    with open(SOURCE, encoding="utf-8") as source:
        text = source.read()
    text = re.sub(r'"\s*\n\s*"', "", text).replace('\\"', '"').replace("\\n", "\n")
    metrics = {}
    for name, labels in re.findall(r'(whybounced_\w+)(\{[^}\n]*\})? %', text) \
            + re.findall(r'(whybounced_\w+)(\{[^}\n]*\}) \d', text):
        metrics.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return metrics, text


def queries(dashboard):
    """(panel's title, query) of every query."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], {"expr": variable["query"]["query"]}


def faults_of(query, metrics, text):
    """What is wrong with one query."""
    expr, faults = query["expr"], []
    names = re.findall(r"\bwhybounced_\w+", expr)
    if not names:
        faults.append("no metric")
    faults += [f"no metric {name}" for name in names if name not in metrics]
    known = FROM_PROMETHEUS.union(*(metrics.get(name, set()) for name in names))
    used = re.findall(r'(\w+)(?:=~|!~|!=|=)"', expr)
    for group in re.findall(r"\b(?:by|without) \(([^)]*)\)", expr):
        used += re.split(r",\s*", group)
    used += re.findall(r"\{\{(\w+)\}\}", query.get("legendFormat", ""))
    used += re.findall(r"label_values\(\w+, (\w+)\)", expr)
    faults += [f"no label {label}" for label in used if label not in known]
    faults += [f"no value {value}" for value in re.findall(r'="([^"$]*)"', expr)
               if f'"{value}"' not in text]
    if any(expr.count(a) != expr.count(b) for a, b in ("()", "{}", "[]")):
        faults.append("brackets")
    return faults


def main():
    """Returns the exit status."""
    metrics, text = written_metrics()
    check(len(metrics) >= 8 and metrics.get("whybounced_info") == {"version"},
          f"metrics.c writes {len(metrics)} metrics", [metrics])
    try:
        with open(DASHBOARD, encoding="utf-8") as dashboard_file:
            dashboard = json.load(dashboard_file)
    except (OSError, ValueError) as problem:
        check(False, "the dashboard is JSON", [problem])
        return 1
    check(dashboard.get("title") and dashboard.get("panels"), "the dashboard is JSON")
    found = list(queries(dashboard))
    for title, query in found:
        faults = faults_of(query, metrics, text)
        check(not faults, f"{title}: {query.get('refId', 'variable')}",
              [query["expr"]] + faults)
    shown = set(re.findall(r"\bwhybounced_\w+", " ".join(query["expr"] for _, query in found)))
    check(shown == set(metrics), "every metric is shown", [sorted(set(metrics) - shown)])
    ids = [panel["id"] for panel in dashboard["panels"]]
    check(len(set(ids)) == len(ids), "no two panels have one id", [ids])
    places = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
              for panel in dashboard["panels"] for x in range(panel["gridPos"]["w"])
              for y in range(panel["gridPos"]["h"])]
    check(len(set(places)) == len(places) and max(x for x, _ in places) < 24,
          "no panel lies on another")
    print(f"1..{len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
