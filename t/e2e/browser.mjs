// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium without a window, for tests to steer: one page at a time.
// Loopback only. Prints "listening PORT" when it is ready.
//
//   node browser.mjs [--port N] [--shots DIR]
//
// POST / with {"do":NAME,"with":[...]} answers {"value":...} or, when that
// fails or takes more than ten seconds, {"error":TEXT}:
//
//   version                 of the browser
//   fresh                   forget cookies, storage and what was seen
//   go URL                  open a page
//   address                 where the page is
//   text CSS                what is read in an element that is shown
//   wait CSS TEXT           until the element has that text in it
//   click CSS, fill CSS TEXT, choose CSS VALUE
//   run JAVASCRIPT          its value in the page
//   shot NAME               a picture: DIR/NAME.png
//   seen                    all since the last call: {answers:[{method,url,
//                           status}], messages:[of the console, and errors]}
//
// Environment: SMART_CHROMIUM (/usr/bin/chromium).
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: {
    port: { type: 'string', default: '0' },
    shots: { type: 'string', default: '.' },
} });

const PATIENCE_MS = 10_000;

// Chromium's own sandbox needs a user other than root; only the pages of the
// lab are opened here.
const browser = await chromium.launch({
    executablePath: process.env.SMART_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

let context;
let page;
let seen;

function forget() {
    seen = { answers: [], messages: [] };
}

function listen() {
    page.on('response', (r) => seen.answers.push({
        method: r.request().method(), url: r.url(), status: r.status() }));
    page.on('requestfailed', (r) => seen.messages.push(
        `failed: ${r.url()} ${r.failure()?.errorText}`));
    page.on('console', (m) => seen.messages.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => seen.messages.push(`error: ${e.message}`));
}

async function fresh() {
    await context?.close();
    context = await browser.newContext({
        viewport: { width: 900, height: 700 } });
    context.setDefaultTimeout(PATIENCE_MS);
    page = await context.newPage();
    forget();
    listen();
}

const DEEDS = {
    version: () => browser.version(),
    fresh,
    go: async (url) => { await page.goto(url); },
    address: () => page.url(),
    text: (css) => page.locator(css).innerText(),
    wait: (css, text) => page.locator(css, { hasText: text }).waitFor(),
    click: (css) => page.locator(css).click(),
    fill: (css, text) => page.locator(css).fill(text),
    choose: async (css, value) => {
        await page.locator(css).selectOption(value);
    },
    run: (javascript) => page.evaluate(javascript),
    shot: async (name) => {
        await page.screenshot({ path: `${options.shots}/${name}.png`,
                                fullPage: true });
    },
    seen: () => {
        const all = seen;
        forget();
        return all;
    },
};

async function answer(req, res) {
    let text = '';
    for await (const chunk of req) {
        text += chunk;
    }
    let result;
    try {
        const { do: name, with: words = [] } = JSON.parse(text);
        result = { value: await DEEDS[name](...words) ?? null };
    } catch (e) {
        result = { error: e.message };
    }
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(result));
}

await fresh();
const server = createServer(answer);
server.listen(Number(options.port), '127.0.0.1', () => {
    console.log(`listening ${server.address().port}`);
});
process.on('SIGTERM', async () => {
    await browser.close();
    process.exit(0);
});
