// The search page. Everything that comes from an index is written with textContent, never as HTML. The token lives in
// this page's memory only: it is in no URL, no cookie and no storage, and is gone with the page.
"use strict";

const FACETS = ["site", "type", "author", "source"];
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
function nameInToken(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return claims.email || claims.preferred_username || claims.sub || "the person named in the token";
  } catch {
    return "an unreadable token";
  }
}

function isPublic() {
  return at("index").selectedOptions[0]?.dataset.access === "public";
}

function showReader() {
  if (isPublic()) {
    at("reader").replaceChildren("Public documents: everyone gets the same answer");
  } else if (state.token) {
    at("reader").replaceChildren("You search as ", element("strong", { text: nameInToken(state.token) }));
  } else {
    at("reader").replaceChildren("You have not said who you are");
  }
}

function applyToken(token) {
  state.token = token || null;
  state.filters.clear();
  for (const button of at("people").children) {
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

function question(cursor) {
  const clauses = [...state.filters].map(([field, value]) => ({ equals: { field, value } }));
  return {
    query: at("query").value,
    facets: FACETS,
    page: cursor ? { size: PAGE_SIZE, cursor } : { size: PAGE_SIZE },
    ...(clauses.length ? { filter: { and: clauses } } : {}),
  };
}

async function ask(cursor) {
  const headers = { "Content-Type": "application/json" };
  if (state.token && !isPublic()) headers.Authorization = `Bearer ${state.token}`;
  const address = `indexes/${encodeURIComponent(at("index").value)}/query`;
  const body = JSON.stringify(question(cursor));
  const response = await fetch(address, { method: "POST", headers, body, credentials: "omit" });
  const answer = await response.json();
  if (response.status === 401 && !state.token) throw new Error("This index answers only to people it knows: say who you are first.");
  if (!response.ok) throw new Error([answer.title, answer.detail].filter(Boolean).join(": "));
  return answer;
}

async function search({ cursor = null } = {}) {
  const mine = ++state.latest;
  try {
    const answer = await ask(cursor);
    if (mine === state.latest) show(answer, { append: Boolean(cursor) });
  } catch (error) {
    if (mine === state.latest) showError(error.message);
  }
}

// ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────────

function showError(message) {
  at("error").textContent = message;
  at("error").hidden = false;
  at("results").replaceChildren();
  at("facets").replaceChildren();
  at("total").textContent = "";
  at("more").hidden = true;
}

function show(answer, { append }) {
  at("error").hidden = true;
  if (!append) at("results").replaceChildren();
  at("results").append(...answer.results.map(resultItem));
  const { value, relation } = answer.total;
  at("total").textContent = `${relation === "gte" ? "at least " : ""}${value} ${value === 1 ? "document" : "documents"}`;
  at("facets").replaceChildren(...FACETS.map((field) => facetGroup(field, answer.facets[field] ?? [])).filter(Boolean));
  state.cursor = answer.next_cursor;
  at("more").hidden = !answer.next_cursor;
}

function resultItem(result) {
  const heading = element("h3", {}, linkTo(result.uri, result.title));
  const facts = [result.attributes.site, result.attributes.path, result.attributes.author, day(result.attributes.modified_at)];
  const meta = element("p", { text: facts.filter(Boolean).join(" · "), className: "meta" });
  const item = element("li", {}, heading, meta);
  if (result.excerpt) item.append(element("p", { className: "excerpt" }, ...marked(result.excerpt)));
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

function facetGroup(field, counts) {
  if (counts.length === 0) return null;
  const group = element("fieldset", {}, element("legend", { text: field }));
  for (const { value, count } of counts) {
    const pressed = state.filters.get(field) === value;
    const button = element("button", { attributes: { type: "button", "aria-pressed": String(pressed) } },
      element("span", { text: String(value) }), element("span", { text: String(count) }));
    button.addEventListener("click", () => {
      if (pressed) state.filters.delete(field);
      else state.filters.set(field, value);
      search();
    });
    group.append(button);
  }
  return group;
}

function day(moment) {
  return moment ? new Date(moment).toLocaleDateString(undefined, { dateStyle: "medium" }) : "";
}

// ── beginning ─────────────────────────────────────────────────────────────────────────────────────────────────────

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
  showReader();
  search();
});
at("more").addEventListener("click", () => search({ cursor: state.cursor }));

showReader();
offerPeople();
