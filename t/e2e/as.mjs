// SPDX-License-Identifier: Apache-2.0
// A real authorization server for the end-to-end tests: oidc-provider with
// the settings that SMART App Launch 2.2 asks for. Loopback only, everything
// in memory. Prints "listening PORT" when it is ready.
//
//   node as.mjs --resource https://fhir.example.org/fhir
//       [--port N] [--gateway-secret S] [--key CLIENT=PUBLIC.pem]...
//
// --resource       a FHIR base that tokens may be meant for, their aud; may be
//                  given several times, the first is the default
// --gateway-secret secret of the client "gateway" ("gateway-secret")
// --key            a public key of "gateway-jwt" or "backend", RSA or P-384;
//                  may be given several times
//
// Clients (secret, where there is one):
//   gateway      may introspect, client_secret_basic (--gateway-secret)
//   gateway-jwt  may introspect, private_key_jwt RS384 or ES384
//   app          public app, authorization code with PKCE, refresh tokens
//   app-brief    the same, with access tokens of three seconds
//   chart        the same, in a browser: called back at /index.html of any
//                port of 127.0.0.1, whose pages may use the token endpoint
//   batch        backend service, client_secret_basic (batch-secret)
//   backend      backend service, private_key_jwt (SMART Backend Services)
//
// Accounts (any password; there is none):
//   user-1  fhirUser Practitioner/prac-1
//   anna    fhirUser Patient/pat-1
//   ruth    fhirUser RelatedPerson/rel-1
//   robot   no fhirUser
//
// A user signs in and agrees with one form at /interaction/<uid>: login and,
// for the scope launch/patient, patient. An app says aud=<FHIR base>, as SMART
// has it, or resource=<FHIR base>, as RFC 8707 has it. With the scopes openid
// and fhirUser its ID token says who the user is.
//
// Introspection answers what oidc-provider answers, with patient and fhirUser
// in it. Tokens are opaque. Something JWT-shaped is refused with status 400
// unsupported_token_type; refresh tokens are active, but have no aud, no
// token_type and no patient.
//
// GET /lab/count is for tests: how often introspection was asked, in all or
// about one token (?token=...), as {"count":N}.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import Provider, { errors } from 'oidc-provider';

const { values: options } = parseArgs({ options: {
    port: { type: 'string', default: '0' },
    resource: { type: 'string', multiple: true },
    'gateway-secret': { type: 'string', default: 'gateway-secret' },
    key: { type: 'string', multiple: true, default: [] },
} });
if (!options.resource) {
    console.error('usage: as.mjs --resource URL [--port N]'
        + ' [--gateway-secret S] [--key CLIENT=PUBLIC.pem]...');
    process.exit(2);
}

const BRIEF_S = 3;
const ACCOUNTS = {
    'user-1': 'Practitioner/prac-1',
    anna: 'Patient/pat-1',
    ruth: 'RelatedPerson/rel-1',
    robot: null,
};
const SCOPES = ['openid', 'fhirUser', 'offline_access', 'launch',
                'launch/patient'];
const SMART_SCOPE = /^(patient|user|system)\/[A-Za-z*]+\.[a-z*]+(\?.*)?$/;
const PATIENTS = {
    'pat-1': 'Anna Able', 'pat-2': 'Bert Baker', 'pat-3': 'Anne Able',
};
const CALLBACK = 'http://127.0.0.1/callback';
const CHART_PAGE = 'http://127.0.0.1/index.html';

// What the user chose, by the id of the grant that came of it.
const launches = new Map();
const introspections = new Map();
let introspected = 0;

// --- configuration of oidc-provider ------------------------------------------

function publicKeys(client) {
    const keys = options.key
        .filter((k) => k.startsWith(`${client}=`))
        .map((k) => createPublicKey(readFileSync(k.slice(client.length + 1))))
        .map((k) => k.export({ format: 'jwk' }))
        .map((k) => ({ ...k, use: 'sig',
                       alg: k.kty === 'RSA' ? 'RS384' : 'ES384' }));
    return keys.length ? { keys } : null;
}

// A client that authenticates with a key, if it was given one.
function keyClient(client_id, grant_types) {
    const jwks = publicKeys(client_id);
    return jwks ? [{ client_id, grant_types, jwks, redirect_uris: [],
                     response_types: [],
                     token_endpoint_auth_method: 'private_key_jwt' }] : [];
}

function secretClient(client_id, client_secret, grant_types) {
    return { client_id, client_secret, grant_types, redirect_uris: [],
             response_types: [],
             token_endpoint_auth_method: 'client_secret_basic' };
}

function app(client_id, callback = CALLBACK) {
    return { client_id, application_type: 'native', redirect_uris: [callback],
             grant_types: ['authorization_code', 'refresh_token'],
             response_types: ['code'], token_endpoint_auth_method: 'none' };
}

function isGateway(client) {
    return client.clientId.startsWith('gateway');
}

// The scopes a resource server knows have to be listed, and SMART's cannot
// be: they are those of the request, as far as they are SMART scopes of the
// kind that the flow may give.
function smartScopes(scope, backend) {
    return scope.split(' ')
        .filter((s) => SMART_SCOPE.test(s))
        .filter((s) => s.startsWith('system/') === backend)
        .join(' ');
}

function resourceServer(ctx, indicator) {
    if (!options.resource.includes(indicator)) {
        throw new errors.InvalidTarget();
    }
    const { params, entities } = ctx.oidc;
    const code = entities.AuthorizationCode ?? entities.RefreshToken;
    const scope = smartScopes(params.scope ?? code?.scope ?? '',
                              params.grant_type === 'client_credentials');
    return { scope, audience: indicator, accessTokenFormat: 'opaque' };
}

// What an ID token may hold of a user.
function userClaims(id) {
    return { sub: id, ...(ACCOUNTS[id]
        && { fhirUser: `${options.resource[0]}/${ACCOUNTS[id]}` }) };
}

// The launch context and the user, as the resource server needs them.
function tokenClaims(ctx, token) {
    const launch = launches.get(token.grantId);
    const claims = {};
    if (launch?.patient) {
        claims.patient = launch.patient;
    }
    const who = ACCOUNTS[token.accountId];
    if (who && launch?.scopes.includes('fhirUser')) {
        claims.fhirUser = `${token.aud}/${who}`;
    }
    return claims;
}

function configuration() {
    return {
        clients: [
            secretClient('gateway', options['gateway-secret'], []),
            ...keyClient('gateway-jwt', []),
            app('app'),
            app('app-brief'),
            app('chart', CHART_PAGE),
            secretClient('batch', 'batch-secret', ['client_credentials']),
            ...keyClient('backend', ['client_credentials']),
        ],
        scopes: SCOPES,
        claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
        conformIdTokenClaims: false, // fhirUser is looked for in ID tokens
        // A page may ask from where its app may be called back.
        clientBasedCORS: (ctx, origin, client) =>
            client.redirectUriAllowed(`${origin}/index.html`),
        extraParams: ['aud', 'launch'],
        cookies: { keys: ['not a secret: the lab has none'] },
        clockTolerance: 0,
        findAccount: (ctx, id) => (id in ACCOUNTS
            ? { accountId: id, claims: () => userClaims(id) } : undefined),
        extraTokenClaims: tokenClaims,
        interactions: { url: (ctx, i) => `/interaction/${i.uid}` },
        expiresWithSession: () => false,
        issueRefreshToken: (ctx, client, code) =>
            client.grantTypeAllowed('refresh_token')
            && code.scopes.has('offline_access'),
        pkce: { required: () => true },
        enabledJWA: {
            clientAuthSigningAlgValues: ['RS384', 'ES384'],
        },
        ttl: {
            AccessToken: (ctx, token, client) =>
                (client.clientId === 'app-brief' ? BRIEF_S : 3600),
            ClientCredentials: 300,
            RefreshToken: 86400,
            Session: 86400,
            Grant: 86400,
            Interaction: 600,
            IdToken: 3600,
        },
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            introspection: {
                enabled: true,
                allowedPolicy: (ctx, client) => isGateway(client),
            },
            revocation: {
                enabled: true,
                allowedPolicy: (ctx, client, token) =>
                    client.clientId === token.clientId,
            },
            resourceIndicators: {
                enabled: true,
                defaultResource: (ctx, client, oneOf) =>
                    oneOf?.[0] ?? ctx.oidc.params.aud ?? options.resource[0],
                useGrantedResource: () => true,
                getResourceServerInfo: resourceServer,
            },
        },
    };
}

// --- sign-in and consent ---------------------------------------------------

const select = (label, name, choices) => `<p><label>${label}
<select name="${name}">
${Object.entries(choices).map(([value, text]) =>
        `<option value="${value}">${text}`).join('\n')}
</select></label></p>`;

const who = Object.fromEntries(Object.entries(ACCOUNTS).map(
    ([id, fhirUser]) => [id, `${id} (${fhirUser ?? 'nobody in FHIR'})`]));

const PAGE = ({ client_id: client, scope }) => `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in</title>
<link rel="icon" href="data:,">
<style>body { font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 32em }
select, button { font: inherit } li { font-family: monospace }</style>
<h1>Sign in</h1>
<form method="post">
${select('Account', 'login', who)}
${scope.split(' ').includes('launch/patient')
        ? select('Patient', 'patient', PATIENTS) : ''}
<p>${client} asks for</p>
<ul>
${scope.replace(/[^\w ./*?=|:-]/g, '_').replace(/\S+/g, '<li>$&')}
</ul>
<button>Agree</button>
</form>
`;

async function body(req) {
    let text = '';
    for await (const chunk of req) {
        text += chunk;
        if (text.length > 65536) {
            throw new Error('form too large');
        }
    }
    return new URLSearchParams(text);
}

// An EHR launch names the patient in the launch handle, here "pat:<id>";
// a standalone launch lets the user pick one.
function chosenPatient(scopes, launch, form) {
    if (scopes.includes('launch') && launch?.startsWith('pat:')) {
        return launch.slice(4);
    }
    return scopes.includes('launch/patient') ? form.get('patient') : null;
}

async function agree(op, req, res) {
    const { params } = await op.interactionDetails(req, res);
    const form = await body(req);
    const accountId = form.get('login');
    const scopes = params.scope.split(' ');
    if (!(accountId in ACCOUNTS)) {
        res.writeHead(403).end('no such account\n');
        return;
    }
    const grant = new op.Grant({ accountId, clientId: params.client_id });
    // Only what is known: a refresh token's scope is all that was granted.
    grant.addOIDCScope(scopes.filter((s) => SCOPES.includes(s)).join(' '));
    for (const resource of [params.resource].flat()) {
        grant.addResourceScope(resource, smartScopes(params.scope, false));
    }
    const grantId = await grant.save();
    launches.set(grantId, {
        scopes, patient: chosenPatient(scopes, params.launch, form) });
    await op.interactionFinished(req, res,
        { login: { accountId }, consent: { grantId } },
        { mergeWithLastSubmission: false });
}

async function interaction(op, req, res) {
    if (req.method === 'POST') {
        await agree(op, req, res);
        return;
    }
    const { params } = await op.interactionDetails(req, res);
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    res.end(PAGE(params));
}

// --- the rest ----------------------------------------------------------------

// SMART wants patient beside the access token, and in scope all that was
// granted. oidc-provider's own body has no place for the one and tells of the
// other only what is the FHIR server's, so they are put in on the way out.
async function addLaunchContext(ctx, next) {
    await next();
    const { oidc, body: answer } = ctx;
    const launch = oidc?.route === 'token' && answer?.access_token
        && launches.get(oidc.entities.AccessToken?.grantId);
    if (launch) {
        answer.scope = [...launch.scopes.filter((s) => SCOPES.includes(s)),
                        answer.scope].join(' ').trim();
    }
    if (launch?.patient) {
        answer.patient = launch.patient;
    }
}

async function countIntrospections(ctx, next) {
    await next();
    if (ctx.oidc?.route === 'introspection') {
        const token = ctx.oidc.params?.token;
        introspected += 1;
        introspections.set(token, (introspections.get(token) ?? 0) + 1);
    }
}

function tellCount(url, res) {
    const token = url.searchParams.get('token');
    const count = token === null ? introspected
        : introspections.get(token) ?? 0;
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ count }));
}

// SMART apps ask for offline_access alone; oidc-provider heeds that only with
// prompt=consent, as OpenID Connect has it.
function promptForOffline(req, url) {
    const { searchParams: query } = url;
    if (url.pathname === '/auth' && !query.has('prompt')
        && query.get('scope')?.split(' ').includes('offline_access')) {
        query.set('prompt', 'consent');
        req.url = url.pathname + url.search;
    }
}

function answer(op, oauth, req, res) {
    const url = new URL(req.url, 'http://127.0.0.1');
    if (url.pathname === '/lab/count') {
        tellCount(url, res);
    } else if (url.pathname.startsWith('/interaction/')) {
        interaction(op, req, res).catch((e) => {
            res.writeHead(400).end(`${e.message}\n`);
        });
    } else {
        promptForOffline(req, url);
        oauth(req, res);
    }
}

// The issuer has the port in it, so the socket comes first.
const server = createServer();
server.listen(Number(options.port), '127.0.0.1', () => {
    const { port } = server.address();
    const op = new Provider(`http://127.0.0.1:${port}`, configuration());
    op.use(addLaunchContext);
    op.use(countIntrospections);
    op.on('server_error', (ctx, e) => console.error(e));
    const oauth = op.callback();
    server.on('request', (req, res) => answer(op, oauth, req, res));
    console.log(`listening ${port}`);
});
