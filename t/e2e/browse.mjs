// SPDX-License-Identifier: Apache-2.0
// usage: browse.mjs URL OUT
//
// Looks at a status page as people do, with Debian's Chromium: light, dark and
// on a telephone, without script. Leaves OUT-light.png, OUT-dark.png and
// OUT-phone.png, and prints one JSON object for each of the three:
//
//   name, status, messages (of the console), requests (all URLs asked for),
//   overflow (pixels that have to be scrolled to the side), background,
//   text (what is read), points (marks by figure), named (figures with a
//   title and a description), small (contrast below 4.5 of any text)
import { chromium } from 'playwright-core';

const [url, out] = process.argv.slice(2);
const looks = [
  { name: 'light', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
];

// In the page.
function observe() {
  const root = document.documentElement;
  const points = {};
  for (const figure of document.querySelectorAll('figure')) {
    points[figure.id] = figure.querySelectorAll('.mark').length;
  }
  const named = [...document.querySelectorAll('figure svg')].filter((svg) =>
    svg.getAttribute('aria-labelledby').split(' ')
      .every((id) => document.getElementById(id)?.textContent)).length;
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = rgb(text).slice(0, 3).map((c) => {
      const x = c / 255;
      return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((rgb(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const small = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3
      && n.textContent.trim());
    if (!own || e.tagName === 'title' || e.tagName === 'desc') continue;
    const style = getComputedStyle(e);
    const colour = e.tagName === 'text' ? style.fill : style.color;
    const [a, b] = [light(colour), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) {
      small.push(`${e.tagName} ${e.className} ${contrast.toFixed(2)}`);
    }
  }
  return {
    overflow: root.scrollWidth - root.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
    text: document.body.innerText,
    points, named, small,
  };
}

async function look(browser, { name, width, height, colorScheme }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme, deviceScaleFactor: 1,
    javaScriptEnabled: true,
  });
  const page = await context.newPage();
  const messages = [];
  const requests = [];
  page.on('console', (m) => messages.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => messages.push(`error: ${e.message}`));
  page.on('request', (r) => requests.push(r.url()));
  const answer = await page.goto(url);
  await page.screenshot({ path: `${out}-${name}.png`, fullPage: true });
  const folded = await page.evaluate(observe);
  // What is folded must fit as well.
  for (const summary of await page.locator('summary').all()) {
    await summary.click();
  }
  const open = await page.evaluate(observe);
  await context.close();
  return { name, status: answer.status(), messages, requests, ...open,
    overflow: Math.max(folded.overflow, open.overflow) };
}

const browser = await chromium.launch({
  executablePath: process.env.SMART_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
try {
  for (const one of looks) {
    console.log(JSON.stringify(await look(browser, one)));
  }
} finally {
  await browser.close();
}
