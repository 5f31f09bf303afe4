// What an answer can be narrowed by: which facets are asked for, how their entries are called, and the filters in use.

import { at, button, element } from "./dom.js";
import { size } from "./results.js";

const values = (field) => ({ field, request: field, entry: ({ value }) => ({ label: String(value), clause: { equals: { field, value } } }) });
const within = (field, { gte, lt }) => ({ range: { field, ...(gte === null ? {} : { gte }), ...(lt === null ? {} : { lt }) } });
const kilobytes = [0, 100, 1000, 10000];

// A year begins when it begins where the reader is.
const zone = () => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone && !timeZone.startsWith("Etc/") ? timeZone : "UTC";
};
const yearOf = (moment) => new Date(moment).toLocaleDateString(undefined, { year: "numeric", timeZone: zone() });

function sizeLabel({ gte, lt }) {
  if (lt === null) return `${size(gte)} and more`;
  return gte ? `${size(gte)} to ${size(lt)}` : `Less than ${size(lt)}`;
}

const TOXICITY = [[{ lt: 0.5 }, "Low"], [{ gte: 0.5, lt: 0.9 }, "Medium"], [{ gte: 0.9 }, "High"]];

const FACETS = [
  { key: "site", title: "Site", ...values("site") },
  { key: "type", title: "Type", ...values("type") },
  {
    key: "year", title: "Changed",
    request: () => ({ field: "modified_at", interval: "year", size: 6, time_zone: zone(), name: "year" }),
    entry: (counted) => ({ label: yearOf(counted.gte), clause: within("modified_at", counted) }),
  },
  { key: "author", title: "Author", ...values("author") },
  {
    key: "size", title: "Size",
    request: { field: "size_bytes", name: "size", ranges: kilobytes.map((from, place) => ({ gte: from * 1e3, ...(place + 1 < kilobytes.length ? { lt: kilobytes[place + 1] * 1e3 } : {}) })) },
    entry: (counted) => ({ label: sizeLabel(counted), clause: within("size_bytes", counted) }),
  },
  {
    key: "toxicity", title: "Toxicity score",
    request: { field: "toxicity", ranges: TOXICITY.map(([bounds]) => bounds) },
    entry: (counted, place) => ({ label: TOXICITY[place][1], clause: within("toxicity", counted) }),
  },
  { key: "toxicity_category", title: "May offend", ...values("toxicity_category") },
  { key: "source", title: "Source", ...values("source") },
];

export class Narrowing {
  #chosen = new Map(); // by facet: the label and the clause of the entry in use
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  get isInUse() {
    return this.#chosen.size > 0;
  }

  get clauses() {
    return [...this.#chosen.values()].map(({ clause }) => clause);
  }

  get requests() {
    return FACETS.map(({ request }) => (typeof request === "function" ? request() : request));
  }

  clear() {
    this.#chosen.clear();
  }

  show({ facets, total }) {
    const groups = FACETS.flatMap((facet) => this.#group(facet, facets[facet.key] ?? [], total.value));
    at("facets").replaceChildren(...groups);
    at("narrow").hidden = groups.length === 0;
  }

  chips() {
    return FACETS.filter(({ key }) => this.#chosen.has(key)).map(({ key, title }) => {
      const { label } = this.#chosen.get(key);
      return button(`${title}: ${label} ×`, () => this.#remove(key), { "aria-label": `Remove the filter ${title}: ${label}` });
    });
  }

  // A single entry that holds for everything narrows nothing.
  #group(facet, counts, total) {
    const entries = counts.map((counted, place) => ({ ...facet.entry(counted, place), count: counted.count })).filter(({ count }) => count > 0);
    const isTelling = entries.length > 1 || entries[0]?.count < total;
    if (!isTelling && !this.#chosen.has(facet.key)) return [];
    const buttons = entries.map((entry) => this.#entry(facet.key, entry));
    return [element("fieldset", {}, element("legend", { text: facet.title }), ...buttons)];
  }

  #entry(key, { label, clause, count }) {
    const isPressed = this.#chosen.get(key)?.label === label;
    const onClick = () => (isPressed ? this.#remove(key) : this.#choose(key, { label, clause }));
    return button(undefined, onClick, { "aria-pressed": String(isPressed), "data-focus": `${key}=${label}` },
      element("span", { text: label }), element("span", { text: String(count) }));
  }

  #choose(key, entry) {
    this.#chosen.set(key, entry);
    this.#onChange();
  }

  #remove(key) {
    this.#chosen.delete(key);
    this.#onChange();
  }
}
