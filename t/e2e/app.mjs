// SPDX-License-Identifier: Apache-2.0
// A SMART app on an origin of its own: the static pages of app/, and
// fhirclient as it comes from npm. Loopback only. Prints "listening PORT" when
// it is ready.
//
//   node app.mjs [--port N]
//
// It starts with http://127.0.0.1:PORT/launch.html?iss=<FHIR base>, from an
// EHR with &launch=<handle>.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: {
    port: { type: 'string', default: '0' },
} });

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
const file = (path) => readFileSync(new URL(path, import.meta.url));
const pages = new Map([
    ...['launch.html', 'index.html', 'chart.css', 'chart.js'].map(
        (name) => [`/${name}`, file(`app/${name}`)]),
    ['/fhir-client.js',
     file('node_modules/fhirclient/build/fhir-client.min.js')],
]);

const server = createServer((req, res) => {
    const path = req.url.split('?')[0];
    if (!pages.has(path)) {
        res.writeHead(404).end();
        return;
    }
    const type = TYPES[path.split('.').pop()];
    res.writeHead(200, { 'content-type': `${type}; charset=utf-8` });
    res.end(pages.get(path));
});
server.listen(Number(options.port), '127.0.0.1', () => {
    console.log(`listening ${server.address().port}`);
});
