#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what print_metrics wrote with another implementation, and looks whether the same comes out.

parse_openmetrics.py openmetrics|created|prometheus < text: a line of complaint for each thing that is wrong."""
import sys

if sys.argv[1] != "prometheus":
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
else:
    from prometheus_client.parser import text_string_to_metric_families

NAMES = {
    0: "web",
    1: 'back\\slash "quoted" {uuid="x"} 1 # EOF',
    2: "two\nlines\n# TYPE xenscope_host_cpus counter\nxenscope_host_cpus 99",
    3: "\ufffd\ufffd not UTF-8 \ufffd",
    4: "\u5bbf\u4e3b \U0001f43c",
    5: "\ufffd\ufffd[31mred\ufffd",
    6: "",
}
wrong = 0


def expect(what, got, wanted):
    global wrong
    if got != wanted:
        wrong += 1
        print(f"# {what}: {got!r} instead of {wanted!r}")


text = sys.stdin.buffer.read().decode("utf-8")
families = {f.name: f for f in text_string_to_metric_families(text)}
samples = {}
for family in families.values():
    for s in family.samples:
        key = s.name, tuple(sorted(s.labels.items()))
        expect(f"{key} is there once", key in samples, False)
        samples[key] = s.value


def value(name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))))


def uuid(n):
    return f"00000000-0000-0000-0000-{n:012d}"


for n, name in NAMES.items():
    info = [dict(k[1])["name"] for k in samples if k[0] == "xenscope_domain_info" and dict(k[1])["uuid"] == uuid(n)]
    expect(f"name of domain {n}", info, [name])
    cpu = value("xenscope_domain_cpu_seconds_total", uuid=uuid(n))
    expect(f"CPU time of domain {n}", cpu, None if n == 3 else float(n))

expect("CPUs", value("xenscope_host_cpus"), 0.0)
expect("memory", value("xenscope_host_memory_bytes"), 17179869184.0)
expect("free memory", value("xenscope_host_free_bytes"), 0.1)
expect("time", value("xenscope_sample_timestamp_seconds"), 1700000000.25)
expect("an unknown value", value("xenscope_pml_in_use"), None)
expect("SMAP in Xen", value("xenscope_feature_xen", feature="smap"), 1.0)
expect("PKU in Xen", value("xenscope_feature_xen", feature="pku"), 0.0)
expect("SMEP in Xen", value("xenscope_feature_xen", feature="smep"), None)
expect("pages dirtied", value("xenscope_tracking_pages_dirtied_total", uuid=uuid(1)), 6620.0)
expect("small numbers", value("xenscope_migration_running", uuid=uuid(1), direction="in"), 1e-9)
expect("a family without values", "xenscope_feature_cpu" in families, False)
began = 1699999940.25 if sys.argv[1] == "created" else None
expect("when the agent's counters began", value("xenscope_agent_cpu_seconds_created"), began)
expect("when a guest's did", value("xenscope_tracking_pages_dirtied_created", uuid=uuid(1)), began)
expect("when Xen's did", value("xenscope_domain_cpu_seconds_created", uuid=uuid(1)), None)
if sys.argv[1] != "prometheus":
    expect("type of a counter", families["xenscope_domain_cpu_seconds"].type, "counter")
    expect("unit of a counter", families["xenscope_domain_cpu_seconds"].unit, "seconds")
    expect("type of an info", families["xenscope_domain"].type, "info")
    expect("type of a gauge", families["xenscope_host_cpus"].type, "gauge")
else:
    expect("type of an info", families["xenscope_domain_info"].type, "gauge")
sys.exit(wrong > 0)
