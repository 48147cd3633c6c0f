// kill -9 of each program at each of its failpoints (failpoint.h in src/), then the check of consistency.mjs.
// A build without --enable-failpoints has none: all tests are skipped.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { CookieJar, consent, linkAccount, request, top, waitFor } from "../stack.mjs";
import { ConsistencyCheck } from "./consistency.mjs";
import { Installation, lamp, lamps } from "./installation.mjs";
import { LivePage } from "./live_page.mjs";
import { StoppableStack } from "./stoppable_stack.mjs";

const buildDir = process.env.SWITCHBOARD_BUILD_DIR ?? path.join(top, "build");
const program = path.join(buildDir, "switchboard-worker");
const skip = !(existsSync(program) && readFileSync(program).includes("SWITCHBOARD_FAILPOINTS")) &&
	"not a build with --enable-failpoints";
let folder;
let stack;
let consistency;

before(async () => {
	if (skip)
		return;
	folder = mkdtempSync(path.join(tmpdir(), "switchboard-failpoints-"));
	// The programs run as the service user, and remove the file of the point that they reach.
	chmodSync(folder, 0o777);
	stack = await StoppableStack.start({ env: { SWITCHBOARD_FAILPOINTS: folder } });
	consistency = new ConsistencyCheck(stack);
});

after(async () => {
	await stack?.stop();
	if (folder)
		rmSync(folder, { recursive: true, force: true });
});

/** The next process that reaches this point is killed there. */
function arm(point) {
	writeFileSync(path.join(folder, point), "");
}

const fired = (point, timeoutMs = 30000) => waitFor(() => !existsSync(path.join(folder, point)), { timeoutMs, what: `${point} to be reached` });

async function killedAt(point, action) {
	arm(point);
	const answer = await action();

	await fired(point);
	return answer;
}

const wakeWorker = () => stack.psql("SELECT switchboard.wake('switchboard_work', '')");

async function makeDue(installation) {
	await stack.psql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = '${installation.id}'`);
	await wakeWorker();
}

for (const point of ["webhook.checked", "webhook.stored", "webhook.answered"])
	test(`killed at ${point}, the webhook stores the event once and the page shows it`, { skip }, async () => {
		const installation = await Installation.create(stack, lamps(2));
		const page = await new LivePage(installation).open();

		await killedAt(point, () => installation.flip(installation.devices[0]));
		await installation.flip(installation.devices[1]);
		await consistency.check([installation]);
		await page.untilCurrent();
		await page.close();
	});

/** Stop the processes until "action" has sent them "count" webhooks; then one goes on with all of them, and is killed at this point. */
async function killedWithMany(point, count, action) {
	const pids = stack.pids("webhook");

	for (const pid of pids)
		process.kill(pid, "SIGSTOP");
	try {
		await action();
		await waitFor(async () => (await stack.control("GET", "deliveries")).inFlight === count, { what: "the webhooks to be sent" });
		await waitFor(() => stack.demo.connectionsTo("webhook") >= count, { what: "the webhooks to be passed on by the web server" });
		arm(point);
		for (let next = 0; existsSync(path.join(folder, point)); next++) {
			assert.ok(next < pids.length, `no process reached ${point}`);
			process.kill(pids[next], "SIGCONT");
			// Another process may have accepted the connections before it was stopped: the next one is tried then.
			await fired(point, 2000).catch(() => {});
		}
	} finally {
		for (const pid of stack.pids("webhook"))
			process.kill(pid, "SIGCONT");
	}
}

for (const point of ["webhook.checked", "webhook.stored"])
	test(`killed at ${point} with several webhooks at once, each event is stored once`, { skip }, async () => {
		const installations = [];

		while (installations.length < 6)
			installations.push(await Installation.create(stack, lamps(1)));
		await killedWithMany(point, installations.length, () => Promise.all(installations.map((installation) => installation.flip(installation.devices[0]))));
		await consistency.check(installations);
		const ids = installations.map(({ id }) => id);
		const { log } = await stack.control("GET", "deliveries");
		const again = log.filter(({ installedAppId, attempts }) => ids.includes(installedAppId) && attempts > 1);

		assert.ok(again.length > 1, `${again.length} webhooks were sent again`);
	});

test("killed at webhook.key-fetched, another process fetches the certificate and no event is lost", { skip }, async () => {
	const installation = await Installation.create(stack, lamps(1));

	await stack.psql("DELETE FROM signing_key");
	const dead = stack.kill("webhook");

	await stack.restarted("webhook", dead);
	await killedAt("webhook.key-fetched", () => installation.flip(installation.devices[0]));
	await consistency.check([installation]);
});

for (const point of ["oauth.exchanged", "oauth.linked"])
	test(`killed at ${point}, signing in shows an error, and the next attempt works`, { skip }, async () => {
		const account = await stack.control("POST", "accounts", { name: point, locations: [{ name: point, devices: [lamp("One")] }] });
		const [{ locationId: location }] = account.locations;
		const { callback, jar } = await consent(stack, { location, jar: new CookieJar() });
		const answer = await killedAt(point, () => request(callback, { jar }));

		assert.equal(answer.status, 503);
		assert.equal((await stack.request("/api/switches", { jar })).status, 401);
		const again = await linkAccount(stack, { location, jar });

		await waitFor(async () => (await stack.request("/api/switches", { jar: again })).json().switches?.length === 1,
			{ timeoutMs: 30000, what: "the switch" });
	});

test("killed at dashboard.stored, the command is executed although its answer was lost", { skip }, async () => {
	const installation = await Installation.create(stack, lamps(1));
	const before = await installation.platformState();
	const [[, { state }]] = Object.entries(before);
	const answer = await killedAt("dashboard.stored", () => installation.click(installation.devices[0], { command: state === "on" ? "off" : "on" }));

	assert.equal(answer.status, 503);
	await waitFor(async () => JSON.stringify(await installation.platformState()) !== JSON.stringify(before), { timeoutMs: 30000, what: "the device to change" });
	await consistency.check([installation]);
});

for (const point of ["command.claimed", "command.answered", "command.recorded"])
	test(`killed at ${point}, the command is executed once`, { skip }, async () => {
		const installation = await Installation.create(stack, lamps(1));
		const [[, { state }]] = Object.entries(await installation.platformState());

		await stack.control("POST", "calls/reset", {});
		await killedAt(point, () => installation.click(installation.devices[0], { command: state === "on" ? "off" : "on" }));
		const [row] = await installation.finished();

		assert.equal(row.status, "confirmed");
		assert.equal((await installation.commandCalls()).length, 1);
		await consistency.check([installation]);
	});

for (const point of ["refresh.spooled", "refresh.stored"])
	test(`killed at ${point}, there was one refresh and its tokens are in the database`, { skip }, async () => {
		const installation = await Installation.create(stack, lamps(1));

		await stack.control("POST", "calls/reset", {});
		await killedAt(point, () => makeDue(installation));
		await waitFor(async () => (await installation.token()).generation === 2, { timeoutMs: 30000, what: "the new tokens" });
		assert.equal((await installation.refreshCalls()).length, 1);
		assert.equal((await installation.click(installation.devices[0])).status, 202);
		await consistency.check([installation]);
	});

test("killed at refresh.answered, the new tokens are lost, and linking again restores the installation", { skip }, async () => {
	const installation = await Installation.create(stack, lamps(1));

	await killedAt("refresh.answered", () => makeDue(installation));
	await waitFor(async () => (await installation.row()).status === "needs_reauth", { timeoutMs: 90000, what: "needs_reauth" });
	assert.equal((await installation.list()).length, 1, "devices and session stay");
	await installation.link();
	await consistency.check([installation]);
});

test("killed at the other points of the worker, its work is done once by the next worker", { skip }, async () => {
	const making = killedAt("subscription.created", () => Installation.create(stack, lamps(1)));

	await fired("subscription.created");
	const refreshed = await Installation.create(stack, lamps(1));
	const read = await Installation.create(stack, lamps(1));
	const applied = await Installation.create(stack, lamps(1));
	const gone = await Installation.create(stack, lamps(1));
	const sync = (installation) => stack.psql(`SELECT switchboard.work_put('${installation.id}', 'device_sync', 1)`).then(wakeWorker);

	await killedAt("refresh.claimed", () => makeDue(refreshed));
	// A kill while the next worker waits for the answer would lose the tokens.
	await waitFor(async () => (await refreshed.token()).generation === 2, { timeoutMs: 90000, what: "the refresh" });
	await killedAt("sync.read", () => sync(read));
	await killedAt("sync.applied", () => sync(applied));
	await killedAt("uninstall.answered", () => stack.request("/disconnect",
		{ jar: gone.jar, form: { csrf: gone.csrf, installation: gone.id } }));
	const subscribed = await making;

	await consistency.check([subscribed, refreshed, read, applied], { timeoutMs: 150000 });
	assert.equal((await refreshed.token()).generation, 2);
	await waitFor(async () => (await gone.token()) === undefined, { timeoutMs: 90000, what: "the tokens to be deleted" });
	const { installedApps } = await stack.control("GET", "state");

	assert.equal(installedApps.find(({ installedAppId }) => installedAppId === gone.id), undefined);
});

test("killed at events.delivering, the page continues from its cursor", { skip }, async () => {
	const installation = await Installation.create(stack, lamps(2));
	const page = await new LivePage(installation).open();

	await killedAt("events.delivering", () => installation.flip(installation.devices[0]));
	await installation.flip(installation.devices[1]);
	await consistency.check([installation]);
	await page.untilCurrent();
	await page.close();
});
