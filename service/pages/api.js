// Shows the service's own OpenAPI document, without scripts, fonts or styles from anywhere else.
import { at, element } from "./dom.js";

const nameOf = (reference) => reference.split("/").at(-1);
const linkToSchema = (reference) =>
  element("a", { text: nameOf(reference), attributes: { href: `#schema-${nameOf(reference)}` } });

function* typeOf(schema) {
  if (schema.$ref) yield linkToSchema(schema.$ref);
  else if (schema.anyOf || schema.oneOf) {
    for (const [position, option] of (schema.anyOf ?? schema.oneOf).entries()) {
      if (position) yield " or ";
      yield* typeOf(option);
    }
  } else if (schema.type === "array") {
    yield "list of ";
    yield* typeOf(schema.items ?? {});
  } else if (schema.enum) yield schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  else if ("const" in schema) yield JSON.stringify(schema.const);
  else if (schema.additionalProperties) {
    yield "object of ";
    yield* typeOf(schema.additionalProperties);
  } else yield schema.type ?? "any";
}

const LIMITS = { minimum: "≥", exclusiveMinimum: ">", maximum: "≤", exclusiveMaximum: "<", maxLength: "length ≤", maxItems: "at most" };

function limitsOf(schema) {
  const limits = Object.entries(LIMITS).filter(([key]) => key in schema).map(([key, sign]) => `${sign} ${schema[key]}`);
  if (schema.default !== undefined && schema.default !== null) limits.push(`default ${JSON.stringify(schema.default)}`);
  return limits.join(", ");
}

function table(titles, rows) {
  const head = element("tr", {}, ...titles.map((text) => element("th", { text, attributes: { scope: "col" } })));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function propertyRow(name, schema, required) {
  const words = [required ? "required" : "", limitsOf(schema), schema.description ?? ""].filter(Boolean).join("; ");
  return element("tr", {}, element("td", {}, element("code", { text: name })), element("td", {}, ...typeOf(schema)),
    element("td", { text: words }));
}

function schemaSection([name, schema]) {
  const rows = Object.entries(schema.properties ?? {})
    .map(([key, property]) => propertyRow(key, property, schema.required?.includes(key)));
  const content = rows.length ? table(["key", "type", ""], rows) : element("p", {}, ...typeOf(schema));
  return element("section", { className: "schema", attributes: { id: `schema-${name}` } },
    element("h2", { text: name }), element("p", { text: schema.description ?? "" }), content);
}

function examples(media) {
  return Object.values(media.examples ?? {}).flatMap((example) =>
    [element("p", { text: example.summary ?? "" }), element("pre", { text: JSON.stringify(example.value, null, 2) })]);
}

function* requestOf(operation) {
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    yield element("h3", { text: "Parameters" });
    yield table(["name", "type", ""], parameters.map((parameter) =>
      propertyRow(parameter.name, { ...parameter.schema, description: parameter.description }, parameter.required)));
  }
  const media = operation.requestBody?.content?.["application/json"];
  if (media) {
    yield element("h3", { text: "Body" });
    yield element("p", {}, ...typeOf(media.schema));
    yield* examples(media);
  }
}

function answerRow([status, answer]) {
  const schema = Object.values(answer.content ?? {}).find((media) => media.schema)?.schema;
  return element("tr", {}, element("td", { text: status }), element("td", {}, ...(schema ? typeOf(schema) : [])),
    element("td", { text: answer.description }));
}

function operationSection(path, method, operation) {
  const security = (operation.security ?? []).flatMap((way) => Object.keys(way)).join(" or ");
  return element("section", { className: "operation", attributes: { id: operation.operationId } },
    element("h2", {}, element("span", { text: method.toUpperCase(), className: "method" }), element("code", { text: path })),
    element("p", { text: operation.summary ?? "" }),
    ...(security ? [element("p", { text: `Credentials: ${security}` })] : []),
    ...requestOf(operation),
    element("h3", { text: "Answers" }),
    table(["status", "content", ""], Object.entries(operation.responses).map(answerRow)));
}

function show(api) {
  at("title").textContent = `${api.info.title} REST API ${api.info.version}`;
  at("description").textContent = api.info.description ?? "";
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  const entries = operations.map(({ path, method, operation }) =>
    element("li", {}, element("a", { text: `${method.toUpperCase()} ${path}`, attributes: { href: `#${operation.operationId}` } })));
  at("contents").append(element("ul", {}, ...entries));
  at("operations").append(...operations.map(({ path, method, operation }) => operationSection(path, method, operation)));
  at("schemas").append(...Object.entries(api.components?.schemas ?? {}).map(schemaSection));
}

fetch("openapi.json", { credentials: "omit" })
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`status ${response.status}`))))
  .then(show)
  .catch((error) => {
    at("error").textContent = `The API's description cannot be loaded: ${error.message}`;
    at("error").hidden = false;
  });
