import {
  collectDefaultMetrics,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from "prom-client";

/** A metric as it is declared: the table is what the code uses and what docs/metrics.md shows. */
export type MetricDefinition =
  | {
      readonly type: "counter";
      readonly name: `lwm2m_${string}_total`;
      readonly help: string;
      readonly labels?: MetricLabels;
    }
  | { readonly type: "gauge"; readonly name: `lwm2m_${string}`; readonly help: string; readonly labels?: MetricLabels }
  | {
      readonly type: "histogram";
      readonly name: `lwm2m_${string}`;
      readonly help: string;
      readonly labels?: MetricLabels;
      readonly buckets: readonly number[];
    };

/** Labels with all the values that they can have: closed sets, never an endpoint. */
export type MetricLabels = Readonly<Record<string, readonly string[]>>;

/** The metrics of a service by the name that code uses; write it `as const`. */
export type MetricTable = Readonly<Record<string, MetricDefinition>>;

type LabelValues<Definition> = Definition extends { readonly labels: infer Labels extends MetricLabels }
  ? { readonly [Label in keyof Labels]: Labels[Label][number] }
  : Readonly<Record<never, never>>;

/** Counts up. `with` gives the counter of one set of labels: keep it where every datagram counts. */
export interface Counter<Labels> {
  inc(by?: number): void;
  with(labels: Labels): { inc(by?: number): void };
}

/** Goes up and down. */
export interface Gauge<Labels> {
  set(value: number): void;
  /** Asks when the metrics are read. */
  collect(value: () => number, labels?: Labels): void;
  with(labels: Labels): { set(value: number): void };
}

/** Distribution of observed values. */
export interface Histogram<Labels> {
  observe(value: number): void;
  with(labels: Labels): { observe(value: number): void };
}

/** What a declared metric becomes. */
export type Metric<Definition> = Definition extends { readonly type: "counter" }
  ? Counter<LabelValues<Definition>>
  : Definition extends { readonly type: "gauge" }
    ? Gauge<LabelValues<Definition>>
    : Histogram<LabelValues<Definition>>;

/** A registered table: `metrics.registrations.inc()`. */
export type Registered<Table> = { readonly [Key in keyof Table]: Metric<Table[Key]> };

/** The metrics of a process. */
export interface Metrics {
  /** Makes the metrics of a table; all their series are there from the start, at 0. */
  register<const Table extends MetricTable>(table: Table): Registered<Table>;
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Makes a registry of its own, with Node's and the process's metrics under `lwm2m_` unless switched off. */
export function createMetrics({ process = true }: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (process) collectDefaultMetrics({ register: registry, prefix: "lwm2m_" });
  return {
    register: <const Table extends MetricTable>(table: Table) =>
      Object.fromEntries(
        Object.entries(table).map(([key, definition]) => [key, registerMetric(registry, definition)]),
      ) as Registered<Table>,
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

type AnyLabels = Readonly<Record<string, string>>;

function registerMetric(registry: Registry, definition: MetricDefinition): unknown {
  switch (definition.type) {
    case "counter":
      return registerCounter(registry, definition);
    case "gauge":
      return registerGauge(registry, definition);
    case "histogram":
      return registerHistogram(registry, definition);
  }
}

function registerCounter(registry: Registry, { name, help, labels = {} }: MetricDefinition): Counter<AnyLabels> {
  const cells = new Map<string, CounterCell>();
  for (const combination of combinations(labels))
    cells.set(seriesKey(labels, combination), new CounterCell(combination));
  new PromCounter({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
    collect() {
      this.reset();
      for (const cell of cells.values()) this.inc(cell.labels, cell.value);
    },
  });
  const cellOf = (given: AnyLabels): CounterCell => {
    const cell = cells.get(seriesKey(labels, given));
    if (cell === undefined) throw new TypeError(`${name} has no series ${JSON.stringify(given)}`);
    return cell;
  };
  return { inc: (by = 1) => cellOf({}).inc(by), with: cellOf };
}

/** A number that costs no more than an addition; the registry reads it when it is asked. */
class CounterCell {
  readonly labels: AnyLabels;
  value = 0;

  constructor(labels: AnyLabels) {
    this.labels = labels;
  }

  inc(by = 1): void {
    this.value += by;
  }
}

function registerGauge(registry: Registry, { name, help, labels = {} }: MetricDefinition): Gauge<AnyLabels> {
  const sources: (readonly [AnyLabels, () => number])[] = [];
  const gauge = new PromGauge({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
    collect() {
      for (const [given, value] of sources) this.set(given, value());
    },
  });
  for (const combination of combinations(labels)) gauge.set(combination, 0);
  return {
    set: (value) => gauge.set(value),
    collect: (value, given = {}) => void sources.push([given, value]),
    with: (given) => ({ set: (value) => gauge.set(given, value) }),
  };
}

function registerHistogram(registry: Registry, definition: MetricDefinition): Histogram<AnyLabels> {
  const { name, help, labels = {} } = definition;
  const buckets = definition.type === "histogram" ? [...definition.buckets] : [];
  const histogram = new PromHistogram({ name, help, labelNames: Object.keys(labels), buckets, registers: [registry] });
  for (const combination of combinations(labels)) histogram.zero(combination);
  return {
    observe: (value) => histogram.observe(value),
    with: (given) => ({ observe: (value) => histogram.observe(given, value) }),
  };
}

function combinations(labels: MetricLabels): readonly AnyLabels[] {
  return Object.entries(labels).reduce<readonly AnyLabels[]>(
    (sofar, [label, values]) => sofar.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [{}],
  );
}

function seriesKey(labels: MetricLabels, given: AnyLabels): string {
  return Object.keys(labels)
    .map((label) => given[label])
    .join("\n");
}
