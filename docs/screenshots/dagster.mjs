// Pictures of Dagster's UI, from a deployment that is up and has processed samples/.
//
//     node docs/screenshots/dagster.mjs http://127.0.0.1:3955 docs/images
//
// playwright-core is looked for in the working directory's node_modules/. See README.md here.
// Needs a Chromium: CHROMIUM=/usr/bin/chromium is the default.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";

const { chromium } = createRequire(process.cwd() + "/")("playwright-core");
const [address, folder] = process.argv.slice(2);
const SHOWN = "Against Forgetting";

const profile = mkdtempSync(join(tmpdir(), "pictures-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  viewport: { width: 1280, height: 720 },
  colorScheme: "light",
  args: [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ],
});
const page = await browser.newPage();

async function ask(query) {
  const answer = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return (await answer.json()).data;
}

async function open(path, ready) {
  await page.goto(address + path);
  await page.waitForSelector(ready, { timeout: 60_000 });
  await page.waitForTimeout(2500);
}

async function picture(name, options = {}) {
  await page.screenshot({ path: join(folder, name), ...options });
}

// The run that processed the document that is shown.
const found = await ask(`{ runsOrError(filter: {statuses: [SUCCESS],
  tags: [{key: "rhizome/title", value: "${SHOWN}"}]}) { ... on Runs { results {
  runId tags { key value } } } } }`);
const run = found.runsOrError.results[0];
const document = run.tags.find((tag) => tag.key === "dagster/partition").value;

// The dialogue of a first visit.
await page.goto(address);
await page.getByRole("button", { name: "Skip" }).click({ timeout: 30_000 }).catch(() => {});
await page.getByText("Hide navigation").click();

const MATERIALIZE = 'button:has-text("Materialize"):not([disabled])';
await page.setViewportSize({ width: 1280, height: 480 });
await open("/locations/rhizome/asset-groups/document/lineage", MATERIALIZE);
await picture("assets.png");

await page.setViewportSize({ width: 1280, height: 1000 });
await open(`/assets/extraction?view=partitions&partition=${document}`, MATERIALIZE);
await page.getByText("[Show Markdown]").first().scrollIntoViewIfNeeded();
await picture("materialization.png");
await page.getByText("[Show Markdown]").last().click();
await page.waitForTimeout(1000);
await picture("preview.png");

await page.setViewportSize({ width: 1280, height: 820 });
await open(`/runs/${run.runId}`, 'button:has-text("Re-execute"):not([disabled])');
await picture("timeline.png");

// A job of ops: what it asks for, in Dagster's launchpad.
await page.setViewportSize({ width: 1280, height: 560 });
await open("/locations/rhizome/jobs/export_documents/playground", ".CodeMirror");
await page.waitForTimeout(3000);
await picture("form.png");

await browser.close();
