// The search page. Everything that comes from an index is written with textContent, never as HTML. The token lives in
// this page's memory only: it is in no URL, no cookie and no storage, and is gone with the page.

import { at, button, element } from "./dom.js";
import { Narrowing } from "./facets.js";
import { resultItem } from "./results.js";
import { Suggestions } from "./suggestions.js";

const PAGE_SIZE = 10;

const state = { token: null, cursor: null, latest: 0, collapse: true };
const narrowing = new Narrowing(() => search());

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
  for (const person of at("people").querySelectorAll("button")) {
    person.setAttribute("aria-pressed", String(Boolean(token) && person.dataset.token === token));
  }
  if (token) at("sign-in").open = false;
  showReader();
  searchAnew();
}

async function offerPeople() {
  const address = document.body.dataset.people;
  if (!address) return;
  const response = await fetch(address, { credentials: "omit" });
  if (!response.ok) return;
  for (const person of await response.json()) {
    const choice = button(person.name, () => applyToken(person.token), { "aria-pressed": "false" });
    choice.dataset.token = person.token;
    at("people").append(choice);
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
  const { clauses } = narrowing;
  return {
    query: at("query").value,
    facets: narrowing.requests,
    collapse: state.collapse,
    page: cursor ? { size: PAGE_SIZE, cursor } : { size: PAGE_SIZE },
    ...(clauses.length ? { filter: { and: clauses } } : {}),
  };
}

function addressOf(what) {
  return `indexes/${encodeURIComponent(at("index").value)}/${what}`;
}

function credentials() {
  return state.token && !isPublic() ? { Authorization: `Bearer ${state.token}` } : {};
}

async function ask(cursor) {
  const headers = { "Content-Type": "application/json", ...credentials() };
  const body = JSON.stringify(question(cursor));
  const response = await fetch(addressOf("query"), { method: "POST", headers, body, credentials: "omit" }).catch(() => {
    throw new Refusal(0, { title: "The server cannot be reached", detail: "Is it still running? Try again in a moment." });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || !answer.results) throw new Refusal(response.status, answer);
  return answer;
}

async function suggestionsFor(typed) {
  if (!isPublic() && !state.token) return [];
  const address = `${addressOf("suggest")}?${new URLSearchParams({ q: typed })}`;
  const response = await fetch(address, { headers: credentials(), credentials: "omit" });
  return response.ok ? (await response.json()).suggestions : [];
}

// A new question starts from everything that it finds.
function searchAnew() {
  narrowing.clear();
  state.collapse = true;
  suggestions.close();
  search();
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
  for (const id of ["error", "nothing", "more", "narrow", "chosen", "spelling"]) at(id).hidden = true;
  for (const id of ["error", "nothing", "results", "facets", "chosen", "total", "spelling"]) at(id).replaceChildren();
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
    at("results").append(...shown, ...answer.results.map((result) => resultItem(result, { showCopies })));
    showChosen();
    narrowing.show(answer);
    at("answer").classList.toggle("alone", at("narrow").hidden);
  });
  at("total").textContent = totalWords(answer.total);
  showSpelling(answer.spelling);
  if (!answer.total.value) showNothing();
  state.cursor = answer.next_cursor;
  at("more").hidden = !answer.next_cursor;
  if (append) at("results").children[shown.length]?.querySelector("a")?.focus();
}

function totalWords({ value, relation }) {
  if (!value) return "";
  return `${relation === "gte" ? "At least " : ""}${value} ${value === 1 ? "document" : "documents"}`;
}

function showSpelling(spelling) {
  if (!spelling) return;
  const take = () => {
    at("query").value = spelling;
    at("query").focus();
    searchAnew();
  };
  at("spelling").append("Did you mean ", button(spelling, take), "?");
  at("spelling").hidden = false;
}

function showCopies() {
  state.collapse = false;
  search();
}

function showChosen() {
  const chosen = narrowing.chips();
  if (!state.collapse) {
    const fold = () => {
      state.collapse = true;
      search();
    };
    chosen.push(button("Identical copies shown ×", fold, { "aria-label": "Show identical copies as one result again" }));
  }
  at("chosen").replaceChildren(...chosen);
  at("chosen").hidden = chosen.length === 0;
}

function showNothing() {
  const words = at("query").value.trim();
  const reach = isPublic() ? "Only public documents are searched." : "Only documents that you may read are searched.";
  if (narrowing.isInUse) tell("nothing", "Nothing fits these filters", "Remove one of them to see more.");
  else if (words) tell("nothing", `Nothing found for “${words}”`, "Try other words, or fewer.", reach);
  else tell("nothing", "There is nothing here that you may read", reach);
}

// The buttons are made anew with each answer; whoever works with the keyboard stays where they were.
function keepingFocus(render) {
  const { focus } = document.activeElement?.dataset ?? {};
  render();
  if (focus) [...document.querySelectorAll("[data-focus]")].find((made) => made.dataset.focus === focus)?.focus();
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
  searchAnew();
});
at("identity").addEventListener("submit", (event) => {
  event.preventDefault();
  applyToken(at("token").value.trim());
  at("token").value = "";
});
at("forget").addEventListener("click", () => applyToken(null));
at("index").addEventListener("change", () => {
  begin();
  if (isPublic() || state.token) searchAnew();
});
at("more").addEventListener("click", () => search({ cursor: state.cursor }));

const suggestions = new Suggestions({ input: "query", list: "suggestions", ask: suggestionsFor, take: searchAnew });

const wide = matchMedia("(min-width: 50rem)"); // as in search.css: beside the results there is nothing to unfold
const unfold = () => { at("narrow").open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();

at("index").hidden = at("index").options.length < 2;
begin();
offerPeople();
