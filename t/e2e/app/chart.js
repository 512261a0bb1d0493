// SPDX-License-Identifier: Apache-2.0
// A small SMART app as anybody would write it with fhirclient: it knows its
// client id and nothing of the gateway. Whatever it does, it tells in #said:
// "200 what" or the status and what the server's OperationOutcome says.

// The token endpoint wants to know which public app asks for a new token.
FHIR.oauth2.settings.refreshTokenWithClientId = true;

const at = (id) => document.getElementById(id);
let client;
let next; // address of the page after the ones that are shown
let first; // the Observation on top

// --- what the app shows ------------------------------------------------------

function tell(text) {
    at('said').textContent = text;
}

// fhirclient puts the OperationOutcome of an error into its message.
function reason(error) {
    const [, diagnostics] = /"diagnostics": "(.*)"/.exec(error.message) ?? [];
    return diagnostics ?? error.message;
}

// Do something and tell how it went.
async function attempt(what, work) {
    tell('…');
    try {
        await work();
        tell(`200 ${what}`);
    } catch (e) {
        tell(`${e.status ?? 'failed'} ${reason(e)}`);
    }
}

function row(observation) {
    const { effectiveDateTime: when = '', valueQuantity: value,
            code, status, id } = observation;
    const tr = document.createElement('tr');
    for (const text of [
        when.slice(0, 10), code?.coding?.[0]?.display ?? code?.text ?? '',
        value ? `${value.value} ${value.unit ?? ''}` : '', status, id]) {
        tr.insertCell().textContent = text;
    }
    return tr;
}

function showPage(bundle) {
    const found = (bundle.entry ?? []).map((e) => e.resource);
    first ??= found[0];
    at('list').append(...found.map(row));
    next = bundle.link?.find((l) => l.relation === 'next')?.url;
    at('more').disabled = !next;
    at('amend').disabled = !first;
}

// --- what the app does -------------------------------------------------------

async function open() {
    const patient = await client.patient.read();
    const { given, family } = patient.name[0];
    at('patient').textContent
        = `${given.join(' ')} ${family}, ${patient.birthDate}`;
    at('user').textContent = client.user.fhirUser ?? 'somebody';
    at('scope').textContent = client.state.tokenResponse.scope;
    showPage(await client.request('Observation?_count=2'));
}

async function amend() {
    const changed = await client.update({ ...first, status: 'amended' });
    first = changed;
    at('list').rows[0].replaceWith(row(changed));
}

// Revoke the refresh token, and with it all that came of the launch.
async function leave() {
    const { revocation_endpoint: where }
        = await (await fetch(`${client.state.serverUrl}`
            + '/.well-known/smart-configuration')).json();
    const response = await fetch(where, { method: 'POST',
        body: new URLSearchParams({
            client_id: 'chart', token: client.state.tokenResponse.refresh_token,
        }) });
    if (!response.ok) {
        throw new Error(`revocation: ${response.status}`);
    }
}

at('more').onclick = () => attempt('another page',
    async () => showPage(await client.request(next)));
at('amend').onclick = () => attempt('amended', amend);
at('renew').onclick = () => attempt('a new token', () => client.refresh());
at('leave').onclick = () => attempt('logged out', leave);
at('ask').onsubmit = (event) => {
    event.preventDefault();
    const path = at('path').value;
    attempt(path, () => client.request(path));
};
attempt('opened', async () => {
    client = await FHIR.oauth2.ready();
    await open();
});
