// Runs Lighthouse for each of the tasks in one Chromium, and prints what came of each as JSON.
// node lighthouse.mjs '{"flags": ["--headless=new"], "tasks": [{"url": "http://…", "categories": ["seo"]}]}'

import {launch} from 'chrome-launcher';
import lighthouse from 'lighthouse';
import {pageFunctions} from 'lighthouse/core/lib/page-functions.js';

// Lighthouse's default factor of 4 makes a fast desktop a phone. For slower machines its documentation on throttling
// refers to a calculator, which has these points: benchmark index, factor.
const CALIBRATED = [[150, 1], [800, 2], [1300, 3], [1533, 4]];

function slowdown(benchmark) {
  const upper = CALIBRATED.findIndex(([index]) => benchmark < index);
  if (upper === -1) return 4;
  if (upper === 0) return 1;
  const [[low, factor], [high]] = CALIBRATED.slice(upper - 1);
  return factor + (benchmark - low) / (high - low);
}

function failed(lhr, category) {
  return category.auditRefs
    .filter(({id, weight}) => weight && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
    .map(({id}) => {
      const {title, displayValue, details} = lhr.audits[id];
      const elements = (details?.items ?? []).map(item => item.node?.snippet ?? item.source?.url ?? item.description);
      return {id, title, value: displayValue ?? '', elements: elements.filter(Boolean).slice(0, 3)};
    });
}

async function run(port, {url, categories}) {
  const settings = {port, logLevel: 'silent', onlyCategories: categories, disableFullPageScreenshot: true};
  const factor = slowdown(pageFunctions.computeBenchmarkIndex());
  const config = {extends: 'lighthouse:default', settings: {throttling: {cpuSlowdownMultiplier: factor}}};
  const {lhr} = await lighthouse(url, settings, config);
  const found = Object.values(lhr.categories).map(category => [
    category.id, {score: category.score, failed: failed(lhr, category)},
  ]);
  return {
    url, factor, benchmark: lhr.environment.benchmarkIndex, error: lhr.runtimeError?.message ?? '',
    throttling: lhr.configSettings.throttling, ms: lhr.timing.total, categories: Object.fromEntries(found),
  };
}

const {flags, tasks} = JSON.parse(process.argv[2]);
const chrome = await launch({chromeFlags: flags, logLevel: 'silent'});
const results = [];
try {
  for (const task of tasks) results.push(await run(chrome.port, task));
} finally {
  chrome.kill();
}
console.log(JSON.stringify(results));
