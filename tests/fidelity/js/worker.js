// Runs @alfresco/js-api for the tests: one command per line of JSON on the standard input, one answer per line on the
// standard output.
//
//   {"client": "alice", "open": {…configuration of AlfrescoApi…}, "basic": {"username", "password"}?}
//   {"client": "alice", "call": "nodes.listNodeChildren", "args": ["-root-", {"maxItems": 5}]}
//
// An answer is {"value": …} with what the client handed back, {"refused": {"status", "text"}} for an HTTP error, or
// {"failed": "…"} for any other error. JSON knows neither moments nor bytes: they come as {"$date": …}, {"$bytes": …}.
'use strict';

const readline = require('node:readline');
const jsApi = require('@alfresco/js-api');

const AREAS = {
    audit: jsApi.AuditApi,
    authentication: jsApi.AuthenticationApi,
    comments: jsApi.CommentsApi,
    content: jsApi.ContentApi,
    discovery: jsApi.DiscoveryApi,
    groups: jsApi.GroupsApi,
    nodes: jsApi.NodesApi,
    people: jsApi.PeopleApi,
    probes: jsApi.ProbesApi,
    renditions: jsApi.RenditionsApi,
    search: jsApi.SearchApi,
    sites: jsApi.SitesApi,
    trashcan: jsApi.TrashcanApi,
    versions: jsApi.VersionsApi
};

const clients = new Map();

function open(configuration, basic) {
    const api = new jsApi.AlfrescoApi(configuration);
    api.on('error', () => {}); // the promise of the call says it too
    if (basic) {
        api.setAuthenticationClientECMBPM({ type: 'basic', basicAuth: basic }, { type: 'basic', basicAuth: {} });
    }
    return api;
}

function call(api, name, args) {
    const [area, operation] = name.split('.');
    const target = { alfrescoApi: api, oauth2Auth: api.oauth2Auth }[area] || new AREAS[area](api);
    return target[operation](...args);
}

function plain(value) {
    if (value instanceof Date) {
        return { $date: value.toISOString() };
    }
    if (Buffer.isBuffer(value)) {
        return { $bytes: value.toString('base64') };
    }
    if (Array.isArray(value)) {
        return value.map(plain);
    }
    if (value !== null && typeof value === 'object') {
        return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
    }
    return value;
}

async function answer(command) {
    if (command.open) {
        clients.set(command.client, open(command.open, command.basic));
        return { value: null };
    }
    try {
        const value = await call(clients.get(command.client), command.call, command.args);
        return { value: value === undefined ? null : plain(value) };
    } catch (error) {
        if (error.status) {
            return { refused: { status: error.status, text: error.message } };
        }
        return { failed: String(error.stack || (error.error && error.error.stack) || error) };
    }
}

// AlfrescoApi.login chains a second promise to a login that fails and leaves its rejection to nobody.
process.on('unhandledRejection', () => {});

async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
    }
}

main();
