// The search page. Everything that comes from an index is written with textContent, never as HTML. The token lives in
// this page's memory only: it is in no URL, no cookie and no storage, and is gone with the page.
"use strict";

const FACETS = new Map([["site", "Site"], ["type", "Type"], ["author", "Author"], ["source", "Source"]]);
const PAGE_SIZE = 10;

const at = (id) => document.getElementById(id);
const state = { token: null, filters: new Map(), cursor: null, latest: 0 };

function element(name, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ── who asks ──────────────────────────────────────────────────────────────────────────────────────────────────────

// For display only: what a token is worth is decided by the server, with every query.
function readerIn(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { name, email, preferred_username: username, sub } = JSON.parse(new TextDecoder().decode(bytes));
    const account = [email, username, sub].find((claim) => typeof claim === "string" && claim);
    return { name: typeof name === "string" && name ? name : account, account };
  } catch {
    return {};
  }
}

function isPublic() {
  return at("index").selectedOptions[0]?.dataset.access === "public";
}

function showReader({ refused = false } = {}) {
  const { name, account } = state.token && !isPublic() && !refused ? readerIn(state.token) : {};
  at("initials").textContent = (name ?? "").split(/[\s.@]+/, 2).map((word) => word.slice(0, 1).toUpperCase()).join("");
  at("reader").replaceChildren(...readerWords({ name, account, refused }));
}

function readerWords({ name, account, refused }) {
  if (isPublic()) return ["Public index: everyone gets the same answer"];
  if (!state.token) return ["Not signed in"];
  if (refused) return ["Your token was not accepted"];
  const also = account && account !== name ? ` (${account})` : "";
  return ["You search as ", element("strong", { text: name ?? "the bearer of a token" }), also];
}

function applyToken(token) {
  state.token = token || null;
  state.filters.clear();
  for (const button of at("people").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Boolean(token) && button.dataset.token === token));
  }
  showReader();
  search();
}

async function offerPeople() {
  const address = document.body.dataset.people;
  if (!address) return;
  const response = await fetch(address, { credentials: "omit" });
  if (!response.ok) return;
  for (const person of await response.json()) {
    const button = element("button", { text: person.name, attributes: { type: "button", "aria-pressed": "false" } });
    button.dataset.token = person.token;
    button.addEventListener("click", () => applyToken(person.token));
    at("people").append(button);
  }
  at("people").hidden = false;
}

// ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

class Refusal extends Error {
  constructor(status, { title, detail, errors }) {
    super(title || `The server answered with status ${status}`);
    this.status = status;
    this.detail = [detail, ...(errors ?? []).map((error) => error.detail)].filter(Boolean).join("; ");
  }
}

function question(cursor) {
  const clauses = [...state.filters].map(([field, value]) => ({ equals: { field, value } }));
  return {
    query: at("query").value,
    facets: [...FACETS.keys()],
    page: cursor ? { size: PAGE_SIZE, cursor } : { size: PAGE_SIZE },
    ...(clauses.length ? { filter: { and: clauses } } : {}),
  };
}

async function ask(cursor) {
  const headers = { "Content-Type": "application/json" };
  if (state.token && !isPublic()) headers.Authorization = `Bearer ${state.token}`;
  const address = `indexes/${encodeURIComponent(at("index").value)}/query`;
  const body = JSON.stringify(question(cursor));
  const response = await fetch(address, { method: "POST", headers, body, credentials: "omit" }).catch(() => {
    throw new Refusal(0, { title: "The server cannot be reached", detail: "Is it still running? Try again in a moment." });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || !answer.results) throw new Refusal(response.status, answer);
  return answer;
}

async function search({ cursor = null } = {}) {
  const mine = ++state.latest;
  at("answer").setAttribute("aria-busy", "true");
  try {
    const answer = await ask(cursor);
    if (mine === state.latest) show(answer, { append: Boolean(cursor) });
  } catch (error) {
    if (mine !== state.latest) return;
    clear();
    if (error.status === 401 && !state.token) askWhoIsThere();
    else showError(error);
  } finally {
    if (mine === state.latest) at("answer").setAttribute("aria-busy", "false");
  }
}

// ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────

function clear() {
  for (const id of ["error", "nothing", "more", "narrow", "chosen"]) at(id).hidden = true;
  for (const id of ["error", "nothing", "results", "facets", "chosen", "total"]) at(id).replaceChildren();
  at("answer").classList.add("alone");
}

function tell(id, title, ...more) {
  at(id).replaceChildren(...[title, ...more].filter(Boolean).map((text) => element("p", { text })));
  at(id).hidden = false;
}

function showError(error) {
  if (error.status === 401) showReader({ refused: true });
  const wayOut = error.status === 401 ? "Get a new token and apply it, or choose another person." : "";
  tell("error", error.message, error.detail, wayOut);
}

function askWhoIsThere() {
  const isDemo = Boolean(document.body.dataset.people);
  at("sign-in").open = !isDemo;
  const how = isDemo ? "Choose a person above: each finds what that person may read." : "Apply your token above.";
  tell("nothing", "This index answers only to people it knows", how);
}

function show(answer, { append }) {
  const shown = append ? [...at("results").children] : [];
  keepingFocus(() => {
    clear();
    at("results").append(...shown, ...answer.results.map(resultItem));
    showFilters();
    showFacets(answer.facets);
  });
  const { value, relation } = answer.total;
  at("total").textContent = value ? `${relation === "gte" ? "At least " : ""}${value} ${value === 1 ? "document" : "documents"}` : "";
  if (!value) showNothing();
  state.cursor = answer.next_cursor;
  at("more").hidden = !answer.next_cursor;
  if (append) at("results").children[shown.length]?.querySelector("a")?.focus();
}

function showNothing() {
  const words = at("query").value.trim();
  const reach = isPublic() ? "Only public documents are searched." : "Only documents that you may read are searched.";
  if (state.filters.size) tell("nothing", "Nothing fits these filters", "Remove one of them to see more.");
  else if (words) tell("nothing", `Nothing found for “${words}”`, "Try other words, or fewer.", reach);
  else tell("nothing", "There is nothing here that you may read", reach);
}

function resultItem(result) {
  const { type, path, site, author, modified_at: modifiedAt, size_bytes: sizeBytes } = result.attributes;
  const badge = type ? [element("span", { text: type, className: "type" })] : [];
  const item = element("li", {}, element("h2", {}, ...badge, linkTo(result.uri, result.title)));
  const place = path ? path.split("/").filter(Boolean).join(" › ") : site;
  if (place) item.append(element("p", { text: place, className: "meta" }));
  if (result.excerpt?.text) item.append(element("p", { className: "excerpt" }, ...marked(result.excerpt)));
  const facts = [author && `by ${author}`, modifiedAt && `changed ${day(modifiedAt)}`, sizeBytes && size(sizeBytes), result.source];
  item.append(element("p", { className: "meta" }, ...facts.filter(Boolean).map((text) => element("span", { text }))));
  return item;
}

function linkTo(uri, title) {
  const isWeb = /^https?:\/\//i.test(uri);
  if (!isWeb) return element("span", { text: title });
  return element("a", { text: title, attributes: { href: uri, rel: "noopener noreferrer", target: "_blank" } });
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

function day(moment) {
  return new Date(moment).toLocaleDateString(undefined, { dateStyle: "medium" });
}

function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumSignificantDigits: 2 }).format(bytes / divisor);
}

// ── narrowing ─────────────────────────────────────────────────────────────────────────────────────────────────────

function toggle(field, value) {
  if (state.filters.get(field) === value) state.filters.delete(field);
  else state.filters.set(field, value);
  search();
}

function showFacets(facets) {
  at("facets").replaceChildren(...[...FACETS.keys()].flatMap((field) => facetGroup(field, facets[field] ?? [])));
  at("narrow").hidden = at("facets").children.length === 0;
  at("answer").classList.toggle("alone", at("narrow").hidden);
}

function facetGroup(field, counts) {
  if (counts.length === 0) return [];
  const buttons = counts.map(({ value, count }) => {
    const pressed = String(state.filters.get(field) === value);
    const button = element("button", { attributes: { type: "button", "aria-pressed": pressed, "data-focus": `${field}=${value}` } },
      element("span", { text: String(value) }), element("span", { text: String(count) }));
    button.addEventListener("click", () => toggle(field, value));
    return button;
  });
  return [element("fieldset", {}, element("legend", { text: FACETS.get(field) }), ...buttons)];
}

function showFilters() {
  const chosen = [...state.filters].map(([field, value]) => {
    const text = `${FACETS.get(field)}: ${value} ×`;
    const button = element("button", { text, attributes: { type: "button", "aria-label": `Remove the filter ${FACETS.get(field)}: ${value}` } });
    button.addEventListener("click", () => toggle(field, value));
    return button;
  });
  at("chosen").replaceChildren(...chosen);
  at("chosen").hidden = chosen.length === 0;
}

// The buttons are made anew with each answer; whoever works with the keyboard stays where they were.
function keepingFocus(render) {
  const { focus } = document.activeElement?.dataset ?? {};
  render();
  if (focus) [...document.querySelectorAll("[data-focus]")].find((button) => button.dataset.focus === focus)?.focus();
}

// ── beginning ─────────────────────────────────────────────────────────────────────────────────────────────────────

function begin() {
  clear();
  showReader();
  at("who").hidden = isPublic();
  if (isPublic() || state.token) tell("nothing", "Ask with a few words, or with a whole question", "Empty words show everything that you may read.");
  else askWhoIsThere();
}

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  state.filters.clear();
  search();
});
at("identity").addEventListener("submit", (event) => {
  event.preventDefault();
  applyToken(at("token").value.trim());
  at("token").value = "";
});
at("forget").addEventListener("click", () => applyToken(null));
at("index").addEventListener("change", () => {
  state.filters.clear();
  begin();
  if (isPublic() || state.token) search();
});
at("more").addEventListener("click", () => search({ cursor: state.cursor }));

const wide = matchMedia("(min-width: 50rem)"); // as in search.css: beside the results there is nothing to unfold
const unfold = () => { at("narrow").open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();

at("index").hidden = at("index").options.length < 2;
begin();
offerPeople();
