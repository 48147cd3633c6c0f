// kill -9 of each program at each of its critical points (src/failpoint.h), then the referee.  Only a
// build with --enable-failpoints has these points; with another one all is skipped.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { CookieJar, consent, linkAccount, request, top, waitFor } from "../stack.mjs";
import { Parts } from "./parts.mjs";
import { Home, Reader, Referee, lamp, lamps } from "./referee.mjs";

const buildDir = process.env.SWITCHBOARD_BUILD_DIR ?? path.join(top, "build");
const program = path.join(buildDir, "switchboard-worker");
const skip = !(existsSync(program) && readFileSync(program).includes("SWITCHBOARD_FAILPOINTS")) &&
	"not a build with --enable-failpoints";
let folder;
let parts;
let referee;

before(async () => {
	if (skip)
		return;
	folder = mkdtempSync(path.join(tmpdir(), "switchboard-failpoints-"));
	// The service user removes what it reached.
	chmodSync(folder, 0o777);
	parts = await Parts.start({ env: { SWITCHBOARD_FAILPOINTS: folder } });
	referee = new Referee(parts);
});

after(async () => {
	await parts?.stop();
	if (folder)
		rmSync(folder, { recursive: true, force: true });
});

/** The next process that comes to this point dies there. */
function arm(point) {
	writeFileSync(path.join(folder, point), "");
}

const fired = (point) => waitFor(() => !existsSync(path.join(folder, point)), { timeoutMs: 30000, what: `${point} to be reached` });

async function killedAt(point, action) {
	arm(point);
	const answer = await action();

	await fired(point);
	return answer;
}

const wakeWorker = () => parts.psql("SELECT switchboard.wake('switchboard_work', '')");

async function makeDue(home) {
	await parts.psql(`UPDATE token SET refresh_after = now() WHERE installation_id = '${home.id}'`);
	await wakeWorker();
}

for (const point of ["webhook.checked", "webhook.stored", "webhook.answered"])
	test(`${point}: the event is stored once and shown`, { skip }, async () => {
		const home = await Home.make(parts, lamps(2));
		const reader = await new Reader(home).open();

		await killedAt(point, () => home.flip(home.devices[0]));
		await home.flip(home.devices[1]);
		await referee.judge([home]);
		await reader.shows();
		await reader.close();
	});

/** Stop the processes while "action" has webhooks sent to them, then let one go on with all of them, to die at this point. */
async function killedWithMany(point, count, action) {
	const pids = parts.pids("webhook");

	for (const pid of pids)
		process.kill(pid, "SIGSTOP");
	try {
		await action();
		await waitFor(async () => (await parts.control("GET", "deliveries")).inFlight === count, { what: "the webhooks to be sent" });
		await new Promise((resolve) => setTimeout(resolve, 300)); // through the web server
		arm(point);
		for (let next = 0; existsSync(path.join(folder, point)); next++) {
			assert.ok(next < pids.length, `nobody reached ${point}`);
			process.kill(pids[next], "SIGCONT");
			await new Promise((resolve) => setTimeout(resolve, 1000)); // not all of them were told of visitors
		}
	} finally {
		for (const pid of parts.pids("webhook"))
			process.kill(pid, "SIGCONT");
	}
}

for (const point of ["webhook.checked", "webhook.stored"])
	test(`${point}, with several in hand: each event is stored once`, { skip }, async () => {
		const homes = [];

		while (homes.length < 6)
			homes.push(await Home.make(parts, lamps(1)));
		await killedWithMany(point, homes.length, () => Promise.all(homes.map((home) => home.flip(home.devices[0]))));
		await referee.judge(homes);
		const ids = homes.map(({ id }) => id);
		const { log } = await parts.control("GET", "deliveries");
		const again = log.filter(({ installedAppId, attempts }) => ids.includes(installedAppId) && attempts > 1);

		assert.ok(again.length > 1, `${again.length} died with their process`);
	});

test("webhook.key-fetched: another process fetches the certificate, no event is lost", { skip }, async () => {
	const home = await Home.make(parts, lamps(1));

	await parts.psql("DELETE FROM signing_key");
	const dead = parts.kill("webhook");

	await parts.returned("webhook", dead);
	await killedAt("webhook.key-fetched", () => home.flip(home.devices[0]));
	await referee.judge([home]);
});

for (const point of ["oauth.exchanged", "oauth.linked"])
	test(`${point}: who signs in sees an error, and the next try works`, { skip }, async () => {
		const account = await parts.control("POST", "accounts", { name: point, locations: [{ name: point, devices: [lamp("One")] }] });
		const [{ locationId: location }] = account.locations;
		const { callback, jar } = await consent(parts, { location, jar: new CookieJar() });
		const answer = await killedAt(point, () => request(callback, { jar }));

		assert.equal(answer.status, 503);
		assert.equal((await parts.request("/api/switches", { jar })).status, 401);
		const again = await linkAccount(parts, { location, jar });

		await waitFor(async () => (await parts.request("/api/switches", { jar: again })).json().switches?.length === 1,
			{ timeoutMs: 30000, what: "the switch" });
	});

test("dashboard.stored: the click is carried out, though its answer was lost", { skip }, async () => {
	const home = await Home.make(parts, lamps(1));
	const before = await home.truth();
	const [[, { state }]] = Object.entries(before);
	const answer = await killedAt("dashboard.stored", () => home.click(home.devices[0], { command: state === "on" ? "off" : "on" }));

	assert.equal(answer.status, 503);
	await waitFor(async () => JSON.stringify(await home.truth()) !== JSON.stringify(before), { timeoutMs: 30000, what: "the device to change" });
	await referee.judge([home]);
});

for (const point of ["command.claimed", "command.answered", "command.recorded"])
	test(`${point}: the command is executed once`, { skip }, async () => {
		const home = await Home.make(parts, lamps(1));
		const [[, { state }]] = Object.entries(await home.truth());

		await parts.control("POST", "calls/reset", {});
		await killedAt(point, () => home.click(home.devices[0], { command: state === "on" ? "off" : "on" }));
		const [row] = await home.finished();

		assert.equal(row.status, "confirmed");
		assert.equal((await home.sent()).length, 1);
		await referee.judge([home]);
	});

for (const point of ["refresh.spooled", "refresh.stored"])
	test(`${point}: one refresh, and its tokens are there`, { skip }, async () => {
		const home = await Home.make(parts, lamps(1));

		await parts.control("POST", "calls/reset", {});
		await killedAt(point, () => makeDue(home));
		await waitFor(async () => (await home.token()).generation === 2, { timeoutMs: 30000, what: "the new tokens" });
		assert.equal((await home.refreshes()).length, 1);
		assert.equal((await home.click(home.devices[0])).status, 202);
		await referee.judge([home]);
	});

test("refresh.answered: the tokens died with the process; one click brings the home back", { skip }, async () => {
	const home = await Home.make(parts, lamps(1));

	await killedAt("refresh.answered", () => makeDue(home));
	await waitFor(async () => (await home.row()).status === "needs_reauth", { timeoutMs: 90000, what: "needs_reauth" });
	assert.equal((await home.list()).length, 1, "devices and session stay");
	await home.link();
	await referee.judge([home]);
});

test("points whose work comes back with the next worker: nothing is lost, nothing is done twice", { skip }, async () => {
	const making = killedAt("subscription.created", () => Home.make(parts, lamps(1)));

	await fired("subscription.created");
	const refreshed = await Home.make(parts, lamps(1));
	const read = await Home.make(parts, lamps(1));
	const applied = await Home.make(parts, lamps(1));
	const gone = await Home.make(parts, lamps(1));
	const sync = (home) => parts.psql(`SELECT switchboard.job_put('${home.id}', 'device_sync')`).then(wakeWorker);

	await killedAt("refresh.claimed", () => makeDue(refreshed));
	await killedAt("sync.read", () => sync(read));
	await killedAt("sync.applied", () => sync(applied));
	await killedAt("uninstall.answered", () => parts.request("/disconnect",
		{ jar: gone.jar, form: { csrf: gone.csrf, installation: gone.id } }));
	const subscribed = await making;

	await referee.judge([subscribed, refreshed, read, applied], { timeoutMs: 150000 });
	assert.equal((await refreshed.token()).generation, 2);
	await waitFor(async () => (await gone.token()) === undefined, { timeoutMs: 90000, what: "the tokens to be forgotten" });
	const { installedApps } = await parts.control("GET", "state");

	assert.equal(installedApps.find(({ installedAppId }) => installedAppId === gone.id), undefined);
});

test("events.delivering: the page goes on from its cursor", { skip }, async () => {
	const home = await Home.make(parts, lamps(2));
	const reader = await new Reader(home).open();

	await killedAt("events.delivering", () => home.flip(home.devices[0]));
	await home.flip(home.devices[1]);
	await referee.judge([home]);
	await reader.shows();
	await reader.close();
});
