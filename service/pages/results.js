// One result: what a hit of an answer looks like. Everything in it comes from an index and is written as text.

import { button, element } from "./dom.js";

// A document's score is that of its worst passage, and a long clean one has some passage that scores half or more.
const OFFENDING = 0.9;

export function resultItem(result, { showCopies }) {
  const { type, path, site } = result.attributes;
  const badge = type ? [element("span", { text: type, className: "type" })] : [];
  const item = element("li", {}, element("h2", {}, ...badge, linkTo(result.uri, result.title), ...warnings(result)));
  const place = path ? String(path).split("/").filter(Boolean).join(" › ") : site;
  if (place) item.append(element("p", { text: place, className: "meta" }));
  if (result.excerpt?.text) item.append(excerptOf(result.excerpt));
  if (result.comments.length) item.append(commentList(result.comments));
  item.append(element("p", { className: "meta" }, ...facts(result).map((text) => element("span", { text }))));
  if (result.copies) item.append(copiesOf(result, showCopies));
  return item;
}

function linkTo(uri, title) {
  const isWeb = /^https?:\/\//i.test(uri);
  if (!isWeb) return element("span", { text: title });
  return element("a", { text: title, attributes: { href: uri, rel: "noopener noreferrer", target: "_blank" } });
}

function warnings({ toxicity, toxicity_categories: categories }) {
  const isOffending = categories.length > 0 || toxicity >= OFFENDING;
  const offence = categories.length > 0 ? `may offend: ${categories.join(", ")}` : "may offend";
  return isOffending ? [" ", element("span", { text: offence, className: "warning" })] : [];
}

function excerptOf(excerpt) {
  const said = excerpt.kind === "comment" ? [element("span", { text: `${signed(excerpt)}: `, className: "said" })] : [];
  return element("p", { className: "excerpt" }, ...said, ...marked(excerpt));
}

function commentList(comments) {
  const items = comments.map((comment) =>
    element("li", {}, element("span", { text: `${signed(comment)}: `, className: "said" }), ...marked(comment)));
  return element("ul", { className: "comments", attributes: { "aria-label": "Comments that match" } }, ...items);
}

function signed({ author, written_at: writtenAt }) {
  return ["Comment", author && `by ${author}`, writtenAt && `on ${day(writtenAt)}`].filter(Boolean).join(" ");
}

function facts({ attributes, excerpt, source }) {
  const { author, modified_at: modifiedAt, size_bytes: sizeBytes } = attributes;
  const page = excerpt?.page ? `page ${excerpt.page}` : "";
  return [author && `by ${author}`, modifiedAt && `changed ${day(modifiedAt)}`, page, sizeBytes && size(sizeBytes), source].filter(Boolean);
}

function copiesOf({ copies, title }, showCopies) {
  const words = copies === 1 ? "1 more document has the same text" : `${copies} more documents have the same text`;
  const show = button("Show", showCopies, { "aria-label": `Show documents with the same text as ${title}` });
  return element("p", { text: `${words} `, className: "copies" }, show);
}

// Highlights count Unicode code points; JavaScript's strings count UTF-16 units.
function* marked({ text, highlights }) {
  const characters = Array.from(text);
  let position = 0;
  for (const { start, end } of highlights) {
    yield characters.slice(position, start).join("");
    yield element("mark", { text: characters.slice(start, end).join("") });
    position = end;
  }
  yield characters.slice(position).join("");
}

export function day(moment) {
  return new Date(moment).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumSignificantDigits: 2 }).format(bytes / divisor);
}
