#!/usr/bin/env python3
"""The dashboard contrib/grafana/whybounced.json asks only for what the daemon writes.

Metric names, label names and fixed label values in its queries are looked up in
src/app/metrics.c, and every metric there must be shown. Prometheus' own promtool reads every
query. Prints TAP, exits 1 on failure.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "mta")]
sys.dont_write_bytecode = True
from packages import find_or_unpack  # noqa: E402
from tap import attempt, check, finish, told  # noqa: E402

DASHBOARD = os.path.join(ROOT, "contrib", "grafana", "whybounced.json")
SOURCE = os.path.join(ROOT, "src", "app", "metrics.c")
FROM_PROMETHEUS = {"instance"}  # a label that Prometheus adds itself
# What Grafana puts in place of its variables.
FILLED = {"$__rate_interval": "1m", "$__range": "1h", "$instance": ".*"}


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


def check_syntax(exprs):
    """Prometheus reads every query, once Grafana has filled it in."""
    rules = []
    for number, expr in enumerate(exprs):
        for variable, value in FILLED.items():
            expr = expr.replace(variable, value)
        rules.append({"record": f"dashboard:query:{number}", "expr": expr})
    with tempfile.TemporaryDirectory(prefix="whybounce-promtool-") as folder:
        path = os.path.join(folder, "rules.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)  # JSON is YAML
        done = subprocess.run([find_or_unpack("promtool", "prometheus", folder), "check", "rules",
                               path], text=True, capture_output=True, check=False)
        check(f"promtool reads all {len(rules)} queries", done.returncode == 0 and
              f"{len(rules)} rules found" in done.stdout, told(done))


def main():
    """Returns the exit status."""
    metrics, text = written_metrics()
    check(f"metrics.c writes {len(metrics)} metrics",
          len(metrics) >= 8 and metrics.get("whybounced_info") == {"version"}, [metrics])
    try:
        with open(DASHBOARD, encoding="utf-8") as dashboard_file:
            dashboard = json.load(dashboard_file)
    except (OSError, ValueError) as problem:
        check("the dashboard is JSON", False, [problem])
        return 1
    check("the dashboard is JSON", dashboard.get("title") and dashboard.get("panels"))
    found = list(queries(dashboard))
    for title, query in found:
        faults = faults_of(query, metrics, text)
        check(f"{title}: {query.get('refId', 'variable')}", not faults, [query["expr"]] + faults)
    attempt(check_syntax, [query["expr"] for _, query in found
                           if not query["expr"].startswith("label_values")])
    shown = set(re.findall(r"\bwhybounced_\w+", " ".join(query["expr"] for _, query in found)))
    check("every metric is shown", shown == set(metrics), [sorted(set(metrics) - shown)])
    ids = [panel["id"] for panel in dashboard["panels"]]
    check("no two panels have one id", len(set(ids)) == len(ids), [ids])
    places = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
              for panel in dashboard["panels"] for x in range(panel["gridPos"]["w"])
              for y in range(panel["gridPos"]["h"])]
    check("no panel lies on another",
          len(set(places)) == len(places) and max(x for x, _ in places) < 24)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
