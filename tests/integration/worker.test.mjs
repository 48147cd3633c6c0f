// The worker against the simulated platform: device sync, subscriptions, commands, tokens, uninstalls.
// Work is queued with functions of the database, as the other programs do.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { after, beforeEach, before, test } from "node:test";
import { JOB_IS_OPEN, linkAccount, quote, request, startStack, waitFor } from "../stack.mjs";
import { dimmer, lamp } from "./installation.mjs";
import { RowLock } from "./row_lock.mjs";
import { startWorker } from "./worker_process.mjs";

let stack;
let count = 0;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", { pageSize: 200, commandDelayMs: 80, rateLimits: false });
});

const sql = (text) => stack.psql(text);
const wake = () => sql("NOTIFY switchboard_work");

/** The calls of one installation in the simulator's log, in order; "endpoint" matches "GET /devices". */
async function callsOf(installation, endpoint) {
	const { log } = await stack.control("GET", "calls");

	return log.filter((call) => call.installedAppId === installation.id && (!endpoint || endpoint.test(`${call.method} ${call.path}`)));
}

async function untilIdle(installation) {
	await waitFor(async () => (await sql(`SELECT count(*) FROM work WHERE installation_id = ${quote(installation.id)} AND ${JOB_IS_OPEN}`)) === "0",
		{ what: "the installation's jobs to be done" });
}

/** A new account with one location; linked, unless "link" is false, and synced. */
async function newInstallation(devices = [lamp("One"), lamp("Two")], { rooms, link = true } = {}) {
	const name = `Location ${++count}`;
	const account = await stack.control("POST", "accounts", { name: `Person ${count}`, locations: [{ name, rooms, devices }] });
	const [location] = account.locations;
	const installation = { name, location: location.locationId, devices: location.devices.map(({ deviceId }) => deviceId) };

	return link ? linked(installation) : installation;
}

async function linked(installation) {
	installation.jar = await linkAccount(stack, { location: installation.location });
	installation.id = (await stack.installedApp(installation.location)).installedAppId;
	installation.user = await sql(`SELECT user_id FROM installation WHERE installation_id = ${quote(installation.id)}`);
	await untilIdle(installation);
	installation.first = Number(await sql(`SELECT generation FROM token WHERE installation_id = ${quote(installation.id)}`));
	return installation;
}

const rowOf = async (installation) => (await stack.rows(
	`SELECT * FROM installation WHERE installation_id = ${quote(installation.id)}`))[0];
/** Generations are counted from the link: the first refresh makes the second. */
const token = async (installation) => (await stack.rows(`SELECT generation - ${installation.first} + 1 AS generation, failures, last_error
	FROM token WHERE installation_id = ${quote(installation.id)}`))[0];
const switches = (installation) => stack.rows(`SELECT d.name, r.name AS room, d.online, s.component, s.label, s.state, s.level, s.has_level
	FROM switch s JOIN device d USING (installation_id, device_id) LEFT JOIN room r USING (installation_id, room_id)
	WHERE s.installation_id = ${quote(installation.id)} ORDER BY d.name, s.position`);

async function runJob(installation, kind) {
	await sql(`SELECT work_put(${quote(installation.id)}, ${quote(kind)}, 1)`);
	await wake();
	await untilIdle(installation);
}

/** Request commands in one transaction; returns their ids. */
async function click(installation, requests) {
	const calls = requests.map(({ device, component = "main", command = "on", level = null }) =>
		`SELECT command_id FROM command_request(${installation.user}, ${quote(device)}, ${quote(component)}, ${quote(command)}, ${level ?? "NULL"}, 30000)`);
	const ids = (await sql(`${calls.join(" UNION ALL ")}; NOTIFY switchboard_work`)).split("\n");

	assert.equal(ids.length, requests.length);
	return ids;
}

const commands = (ids) => stack.rows(`SELECT status, error, attempts FROM command
	WHERE command_id IN (${ids.map(quote).join(", ")}) ORDER BY requested_at`);

const finished = (ids) => waitFor(async () => {
	const rows = await commands(ids);

	return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
}, { timeoutMs: 30000, what: "the commands to be finished" });

const generation = (installation, wanted) => waitFor(async () => (await token(installation))?.generation === wanted,
	{ timeoutMs: 30000, what: `token generation ${wanted}` });

/** The files of an installation in the worker's spool. */
const spooled = (installation) => readdirSync(path.join(stack.stateDir, "spool")).filter((name) => name.startsWith(installation.id));

const workerPid = () => waitFor(() => stack.pids("switchboard-worker")[0], { what: "the worker" });

test("a first sync reads everything with one call per page and at most eight others", async () => {
	await stack.control("POST", "settings", { pageSize: 4 });
	const installation = await newInstallation([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => lamp(`Lamp ${n}`)), { rooms: ["Hall"] });
	const pages = await callsOf(installation, /^GET \/devices$/);
	const others = await callsOf(installation, /^(?!GET \/devices$|POST \/oauth\/token)/);
	const row = await rowOf(installation);

	assert.equal(pages.length, 3);
	assert.ok(others.length <= 8, others.map(({ method, path: where }) => `${method} ${where}`).join("\n"));
	assert.equal((await switches(installation)).length, 10);
	assert.equal(row.status, "active");
	assert.equal(row.sync_state, "done");
	assert.equal(row.sync_found, 10);
	assert.equal(row.location_name, installation.name);
	assert.ok(row.owner_id);
});

test("a link works without a failed job, whatever has to wait for what", async () => {
	const installation = await newInstallation();
	const lines = stack.log("worker").split("\n").filter((line) => line.includes(`installation=${installation.id} `));

	assert.ok(lines.some((line) => /event=job.done .*kind=subscription_sync/.test(line)), lines.join("\n"));
	assert.deepEqual(lines.filter((line) => /event=job\.failed/.test(line)), []);
});

test("devices are read after the subscriptions were created, so that no change between the two is missed", async () => {
	const installation = await newInstallation();
	const calls = await callsOf(installation, /subscriptions|^GET \/devices$/);
	const kinds = calls.map(({ method }) => method);

	assert.equal(calls.filter(({ method }) => method === "POST").length, 4);
	assert.ok(kinds.lastIndexOf("POST") < calls.findIndex(({ path: where }) => where.endsWith("/devices")),
		calls.map(({ method, path: where }) => `${method} ${where}`).join("\n"));
});

test("every call is counted by installation, endpoint and status", async () => {
	const installation = await newInstallation();
	const called = {};

	for (const { method, path: where, status } of await callsOf(installation, /^(?!POST \/oauth\/token)/)) {
		const endpoint = `${method} ${where}`.replace(installation.id, "{id}").replace(installation.location, "{id}");

		called[`${endpoint} ${status}`] = (called[`${endpoint} ${status}`] ?? 0) + 1;
	}
	await waitFor(async () => {
		const rows = await stack.rows(`SELECT endpoint, status, calls FROM api_call
			WHERE installation_id = ${quote(installation.id)} AND endpoint <> 'POST /oauth/token'`);
		const counted = Object.fromEntries(rows.map(({ endpoint, status, calls }) => [`${endpoint} ${status}`, calls]));

		assert.deepEqual(counted, called);
		return true;
	}, { what: "the counts to equal those of the platform" });
});

test("a sync reads power strips, dimmers, missing labels, unknown states and health", async () => {
	const installation = await newInstallation([
		{ name: "Strip", label: "Strip", components: [
			{ id: "main", capabilities: ["switch"], state: "on" },
			{ id: "outlet1", label: "Television", capabilities: ["switch"], state: "off" }] },
		dimmer("Dim", 37),
		{ name: "Nameless relay", components: [{ id: "main", capabilities: ["switch"], state: null }] },
		{ name: "Sensor", components: [{ id: "main", capabilities: ["motionSensor"] }] },
	]);

	assert.deepEqual((await switches(installation)).map(({ name, component, label, state, level, has_level }) =>
		[name, component, label, state, level, has_level]), [
		["Dim", "main", "main", "on", 37, true],
		["Nameless relay", "main", "main", null, null, false],
		["Strip", "main", "main", "on", null, false],
		["Strip", "outlet1", "Television", "off", null, false],
	]);
	await stack.control("POST", "settings", { hold: true });
	await stack.control("POST", `devices/${installation.devices[1]}/health`, { state: "OFFLINE" });
	await runJob(installation, "device_sync");
	assert.equal((await switches(installation)).find(({ name }) => name === "Dim").online, false);
	await stack.control("POST", "settings", { hold: false });
});

test("devices that are added, removed, renamed or moved at the platform change in the database", async () => {
	const installation = await newInstallation([lamp("Stays"), lamp("Goes"), lamp("Moves"), lamp("Old name")], { rooms: ["Hall", "Attic"] });
	const { rooms } = await stack.control("GET", "state");
	const attic = rooms.find(({ name, locationId }) => name === "Attic" && locationId === installation.location);

	await stack.control("DELETE", `devices/${installation.devices[1]}`);
	await stack.control("POST", `devices/${installation.devices[2]}`, { roomId: attic.roomId });
	await stack.control("POST", `devices/${installation.devices[3]}`, { label: "New name" });
	await stack.control("POST", "devices", { locationId: installation.location, name: "Lamp", label: "Arrives",
		components: [{ id: "main", capabilities: ["switch"], state: "off" }] });
	await waitFor(async () => {
		assert.deepEqual((await switches(installation)).map(({ name, room }) => [name, room]),
			[["Arrives", null], ["Moves", "Attic"], ["New name", null], ["Stays", null]]);
		return true;
	}, { what: "the changes to arrive" });
});

test("a device that one list lacks stays until a second one, which is read soon, lacks it too", async () => {
	const installation = await newInstallation([lamp("Stays")]);
	const shown = async () => (await switches(installation)).map(({ name }) => name);
	const due = `FROM work WHERE installation_id = ${quote(installation.id)} AND kind = 'device_sync' AND ${JOB_IS_OPEN}`;

	await sql(`INSERT INTO device (installation_id, device_id, name) VALUES (${quote(installation.id)}, 'unlisted', 'Unlisted');
		INSERT INTO switch (installation_id, device_id, component, seq) VALUES (${quote(installation.id)}, 'unlisted', 'main', 1);
		SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	await wake();
	await waitFor(async () => (await sql(`SELECT count(*) ${due} AND run_at BETWEEN now() AND now() + interval '20 seconds' AND lease IS NULL`)) === "1",
		{ what: "the second reading to be queued" });
	assert.deepEqual((await shown()).sort(), ["Stays", "Unlisted"]);
	await runJob(installation, "device_sync");
	assert.deepEqual(await shown(), ["Stays"]);
	assert.equal(await sql(`SELECT count(*) ${due}`), "0");
});

for (const [what, status] of [["refused", 403], ["not understood", 200]]) {
	test(`when the list of rooms is ${what}, switches are shown without rooms, and it is requested at most twice`, async () => {
		await stack.control("POST", "faults", { path: "/rooms", method: "GET", action: "status", status, count: 50 });
		const installation = await newInstallation([{ ...lamp("One"), room: "Hall" }, lamp("Two")], { rooms: ["Hall"] });

		assert.deepEqual((await switches(installation)).map(({ name, room }) => [name, room]), [["One", null], ["Two", null]]);
		assert.equal((await rowOf(installation)).sync_state, "done");
		const requested = (await callsOf(installation, /rooms/)).length;

		assert.ok(requested >= 1 && requested <= 2, `requested ${requested} times`);
	});
}

test("a device list whose second page fails changes nothing, and is read again", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "settings", { pageSize: 1 });
	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "slow", delayMs: 1 });
	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "status", status: 503 });
	await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	await wake();
	await waitFor(async () => (await rowOf(installation)).sync_state === "failed", { what: "the failure to show" });
	assert.equal((await switches(installation)).length, 2);
	assert.match((await rowOf(installation)).sync_error, /^SmartThings .*[a-z]$/);
	await waitFor(async () => (await rowOf(installation)).sync_state === "done", { what: "the next attempt" });
	assert.equal((await switches(installation)).length, 2);
});

test("subscriptions that are missing, unknown or doubled are repaired to exactly the four, one by one", async () => {
	const installation = await newInstallation();
	const personal = await stack.control("POST", "personal-token", {
		accountId: (await rowOf(installation)).owner_id });
	const where = `${stack.simulatorUrl}/v1/installedapps/${installation.id}/subscriptions`;
	const headers = { Authorization: `Bearer ${personal.token}` };
	const list = async () => (await request(where, { headers })).json().items;
	const kinds = async () => (await list()).map(({ sourceType, capability }) =>
		[sourceType, capability?.capability, capability?.attribute].filter(Boolean).join(" ")).sort();
	const four = ["CAPABILITY switch switch", "CAPABILITY switchLevel level", "DEVICE_HEALTH", "DEVICE_LIFECYCLE"];
	const { locationId } = { locationId: installation.location };
	const before = await list();

	assert.deepEqual(await kinds(), four);
	assert.ok(before.every((item) => Object.values(item).some((part) => part?.locationId === locationId)));
	// One is missing, one is of a kind that Switchboard does not use, one exists twice.
	const health = before.find(({ sourceType }) => sourceType === "DEVICE_HEALTH");

	await request(`${where}/${health.id}`, { method: "DELETE", headers });
	for (const body of [
		{ sourceType: "MODE", mode: { locationId } },
		{ sourceType: "CAPABILITY", capability: { locationId, capability: "switch", attribute: "switch",
			value: "*", stateChangeOnly: false, subscriptionName: "again" } },
	]) {
		const made = await request(where, { headers, json: body });

		assert.equal(made.status, 200, made.text);
	}
	await stack.control("POST", "calls/reset", {});
	await runJob(installation, "subscription_sync");
	assert.deepEqual(await kinds(), four);
	const calls = (await callsOf(installation, /subscriptions/)).map(({ method, path: at }) => `${method} ${at.replace(/[^/]*$/, (id) => (id === "subscriptions" ? id : "ID"))}`);
	const base = `/installedapps/${installation.id}/subscriptions`;

	assert.deepEqual(calls, [`GET ${base}`, `DELETE ${base}/ID`, `DELETE ${base}/ID`, `POST ${base}`]);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(installation.id)}`), "4");
	await waitFor(async () => (await callsOf(installation, /^GET \/devices$/)).length === 1,
		{ what: "the devices to be read again, for changes of the time without the subscription" });
	await stack.control("POST", "calls/reset", {});
	await runJob(installation, "subscription_sync");
	assert.equal((await callsOf(installation, /subscriptions/)).length, 1, "nothing to do costs one call");
});

test("a subscription whose creation is answered 409 counts as created", async () => {
	const installation = await newInstallation([], { link: false });

	await stack.control("POST", "faults", { path: "/subscriptions", method: "POST", action: "status", status: 409, afterEffect: true });
	await linked(installation);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(installation.id)}`), "4");
	assert.equal((await callsOf(installation, /^POST .*subscriptions$/)).length, 4);
});

test("commands are sent in one request per device, and confirmed by the event", async () => {
	const installation = await newInstallation([lamp("Lamp"), dimmer("Dim", 10),
		{ name: "Strip", components: ["main", "outlet1", "outlet2"].map((id) => ({ id, capabilities: ["switch"], state: "off" })) }]);
	const [one, dim, strip] = installation.devices;

	await stack.control("POST", "calls/reset", {});
	const rows = await finished(await click(installation, [{ device: one }, { device: dim, command: "setLevel", level: 55 },
		{ device: strip }, { device: strip, component: "outlet1" }, { device: strip, component: "outlet2" }]));

	assert.deepEqual(rows.map(({ status }) => status), Array(5).fill("confirmed"));
	assert.equal((await callsOf(installation, /commands$/)).length, 3);
	const { commands: sent } = await stack.control("GET", "commands");

	assert.deepEqual(sent.filter(({ deviceId }) => deviceId === dim)
		.map(({ capability, command, arguments: args }) => [capability, command, args]), [["switchLevel", "setLevel", [55]]]);
});

test("a command is claimed within 100 ms of its request", async () => {
	const installation = await newInstallation();
	const waits = [];

	for (let i = 0; i < 5; i++) {
		const [id] = await click(installation, [{ device: installation.devices[0], command: i % 2 ? "off" : "on" }]);

		await finished([id]);
		waits.push(Number(await sql(`SELECT extract(epoch FROM sent_at - requested_at) * 1000 FROM command WHERE command_id = ${quote(id)}`)));
	}
	assert.ok(waits.sort((a, b) => a - b)[2] < 100, `ms from request to claim: ${waits}`);
});

for (const [what, fault, outcome] of [
	["403", { action: "status", status: 403 }, ["failed", "refused"]],
	["404", { action: "status", status: 404 }, ["failed", "refused"]],
	["409", { action: "status", status: 409 }, ["failed", "offline"]],
	["422", { action: "status", status: 422 }, ["failed", "refused"]],
	["429 with Retry-After", { action: "status", status: 429, retryAfter: 1 }, ["confirmed", null]],
	["500 twice", { action: "status", status: 500, count: 2 }, ["confirmed", null]],
	["a connection that is cut", { action: "cut" }, ["confirmed", null]],
	["an answer that is cut after the effect", { action: "cut", afterEffect: true }, ["confirmed", null]],
]) {
	test(`a command that gets ${what} ends ${outcome.filter(Boolean).join(": ")}`, async () => {
		const installation = await newInstallation();

		await stack.control("POST", "faults", { path: `/devices/${installation.devices[0]}/commands`, ...fault });
		const [row] = await finished(await click(installation, [{ device: installation.devices[0] }]));

		assert.deepEqual([row.status, row.error], outcome);
	});
}

test("a command to a device that is offline fails as offline", async () => {
	const installation = await newInstallation();

	await stack.control("POST", `devices/${installation.devices[0]}/health`, { state: "OFFLINE" });
	const [row] = await finished(await click(installation, [{ device: installation.devices[0] }]));

	assert.deepEqual([row.status, row.error], ["failed", "offline"]);
});

test("a command without an event that confirms it fails as unconfirmed", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "settings", { commandDelayMs: 60000 });
	const [row] = await finished(await click(installation, [{ device: installation.devices[0] }]));

	assert.deepEqual([row.status, row.error], ["failed", "unconfirmed"]);
});

test("an installation whose calls hang does not delay another's commands", async () => {
	const slow = await newInstallation(Array.from({ length: 12 }, (_, n) => lamp(`Slow ${n}`)));
	const quick = await newInstallation();

	for (const device of slow.devices)
		await stack.control("POST", "faults", { path: `/devices/${device}/`, action: "hang" });
	const hanging = await click(slow, slow.devices.map((device) => ({ device })));
	const [row] = await finished(await click(quick, [{ device: quick.devices[0] }]));

	assert.equal(row.status, "confirmed");
	assert.ok((await commands(hanging)).every(({ status }) => ["requested", "sent"].includes(status)), "the calls of the slow installation still hang");
	await waitFor(async () => (await commands(hanging)).every(({ status }) => status === "confirmed"),
		{ timeoutMs: 30000, what: "the slow installation's commands, sent again" });
});

test("a token is refreshed once when it is due, and the answer stays in the spool until the next", async () => {
	const installation = await newInstallation();
	const refresh = () => sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}`).then(wake);

	await stack.control("POST", "calls/reset", {});
	await refresh();
	await generation(installation, 2);
	assert.equal((await callsOf(installation, /oauth\/token/)).length, 1);
	assert.deepEqual(spooled(installation), [`${installation.id}.${installation.first}`]);
	await refresh();
	await generation(installation, 3);
	await waitFor(() => spooled(installation).length === 1, { what: "the first answer to be removed" });
	assert.deepEqual(spooled(installation), [`${installation.id}.${installation.first + 1}`]);
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
});

test("twenty commands that are answered 401 cause exactly one refresh, and are sent again", async () => {
	const installation = await newInstallation(Array.from({ length: 20 }, (_, n) => lamp(`Lamp ${n}`)));

	await stack.control("POST", "calls/reset", {});
	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	const rows = await finished(await click(installation, installation.devices.map((device) => ({ device }))));

	assert.deepEqual(rows.filter(({ status }) => status !== "confirmed"), []);
	assert.equal((await callsOf(installation, /oauth\/token/)).length, 1);
	const calls = await callsOf(installation, /commands$/);

	assert.ok(calls.filter(({ status }) => status === 401).length <= 10, "no more than were in flight at once");
	assert.equal(calls.filter(({ status }) => status === 200).length, 20);
	assert.equal((await token(installation)).generation, 2);
});

test("a sync that is answered 401 continues after the refresh", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	await runJob(installation, "device_sync");
	assert.equal((await rowOf(installation)).sync_state, "done");
	assert.equal((await token(installation)).generation, 2);
});

test("a refresh that gets no answer is repeated with the same token", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "faults", { path: "/oauth/token", action: "cut", afterEffect: false });
	await stack.control("POST", "faults", { path: "/oauth/token", action: "status", status: 502 });
	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	const ids = await click(installation, [{ device: installation.devices[0] }]);

	await generation(installation, 2);
	assert.equal((await finished(ids))[0].status, "confirmed");
	assert.equal((await rowOf(installation)).status, "active");
	assert.equal((await token(installation)).failures, 0);
});

test("a refresh whose answer is lost ends in needs_reauth, and linking again repairs it", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "faults", { path: "/oauth/token", action: "cut", afterEffect: true });
	await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}`);
	await wake();
	await waitFor(async () => (await rowOf(installation)).status === "needs_reauth", { what: "needs_reauth" });
	assert.equal((await switches(installation)).length, 2, "devices stay");
	assert.match((await token(installation)).last_error, /invalid_grant/);
	await linked(installation);
	assert.equal((await rowOf(installation)).status, "active");
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
});

test("after invalid_grant the status is needs_reauth, and no call is made for that installation", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "tokens/revoke", { installedAppId: installation.id });
	const ids = await click(installation, [{ device: installation.devices[0] }]);

	await waitFor(async () => (await rowOf(installation)).status === "needs_reauth", { what: "needs_reauth" });
	assert.deepEqual((await finished(ids)).map(({ error }) => error), ["reconnect"]);
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	await wake();
	// When another installation's sync is done, the worker has read the queue.
	await newInstallation();
	assert.deepEqual(await callsOf(installation), []);
});

test("a device that is said to be offline is not any more once it reports something, or carries out a command", async () => {
	const installation = await newInstallation();
	const [device] = installation.devices;
	const online = async () => await sql(`SELECT online FROM device WHERE installation_id = ${quote(installation.id)} AND device_id = ${quote(device)}`);
	const goOffline = async () => {
		for (const state of ["UNHEALTHY", "OFFLINE"])
			await stack.control("POST", `devices/${device}/health`, { state });
		await waitFor(async () => await online() === "f", { what: "offline" });
	};

	await goOffline();
	await stack.control("POST", `devices/${device}/flip`, { value: "toggle" });
	await waitFor(async () => await online() === "t", { what: "the event of its wall switch" });
	await goOffline();
	await stack.control("POST", "settings", { offlineAnswers: true });
	try {
		const state = await sql(`SELECT state FROM switch WHERE installation_id = ${quote(installation.id)} AND device_id = ${quote(device)}`);
		const [row] = await finished(await click(installation, [{ device, command: state === "on" ? "off" : "on" }]));

		assert.equal(row.status, "confirmed");
		assert.equal(await online(), "t");
	} finally {
		await stack.control("POST", "settings", { offlineAnswers: false });
	}
});

for (const deadRefresh of ["html", "empty", "other"]) {
	test(`a dead refresh token that is refused without invalid_grant (${deadRefresh}) ends in needs_reauth within hours`, async () => {
		const installation = await newInstallation();
		const one = quote(installation.id);
		const refused = async (more) => await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${one}; ${more}`);

		await stack.control("POST", "settings", { deadRefresh });
		try {
			await stack.control("POST", "tokens/revoke", { installedAppId: installation.id });
			await refused("");
			await wake();
			await waitFor(async () => (await token(installation)).last_error === "refused", { what: "the refusal" });
			assert.equal((await rowOf(installation)).status, "active", "it may be a mistake");
			await newInstallation();
			await refused(`UPDATE token SET refused_since = now() - interval '4 hours' WHERE installation_id = ${one}`);
			await wake();
			await waitFor(async () => (await rowOf(installation)).status === "needs_reauth", { what: "needs_reauth" });
		} finally {
			await stack.control("POST", "settings", { deadRefresh: "ok" });
		}
		await linked(installation);
		assert.equal((await rowOf(installation)).status, "active");
	});
}

test("when every refresh is refused, log and /healthz name the client settings, and nobody has to link again", async () => {
	const installations = [await newInstallation(), await newInstallation()];
	const ids = installations.map(({ id }) => quote(id)).join();
	const due = async () => {
		await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id IN (${ids})`);
		await wake();
	};
	const isRefused = async () => (await stack.request("/healthz")).json().client === "refused";

	await stack.control("POST", "settings", { clientRefused: true });
	try {
		await due();
		await waitFor(isRefused, { what: "/healthz" });
		const answer = await stack.request("/healthz");

		assert.equal(answer.status, 200);
		assert.equal(answer.json().status, "degraded");
		assert.match(answer.json().hint, /SWITCHBOARD_CLIENT_ID and SWITCHBOARD_CLIENT_SECRET/);
		await sql("UPDATE token SET obtained_at = now() - interval '9 hours'");
		await sql(`UPDATE token SET refused_since = now() - interval '8 hours', failures = 20 WHERE installation_id IN (${ids})`);
		await due();
		await waitFor(async () => await sql(`SELECT count(*) FROM token WHERE failures > 20 AND installation_id IN (${ids})`) === "2", { what: "both refused again" });
		for (const installation of installations)
			assert.equal((await rowOf(installation)).status, "active");
		assert.match(stack.log("worker"), /event=token\.client .*SWITCHBOARD_CLIENT_SECRET/);
	} finally {
		await stack.control("POST", "settings", { clientRefused: false });
	}
	await due();
	await waitFor(async () => !await isRefused(), { what: "the end of it" });
});

test("a refresh token that was refused by mistake is sent again, and nobody has to link again", async () => {
	const installation = await newInstallation();
	const one = quote(installation.id);
	const mistake = `SELECT token_dead(${one}, ${installation.first}, 'invalid_grant')`;

	await sql(mistake);
	assert.equal((await rowOf(installation)).status, "active");
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
	await sql(`SELECT token_refused(${one}, ${installation.first}, 1, 0); ${mistake}`);
	assert.equal((await rowOf(installation)).status, "needs_reauth");
	await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${one}`);
	await wake();
	await waitFor(async () => (await rowOf(installation)).status === "active", { what: "the fresh tokens" });
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0], command: "off" }])))[0].status, "confirmed");
});

test("a token that is answered 401 right after its refresh is not refreshed in a loop", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "calls/reset", {});
	await stack.control("POST", "faults", { path: `/devices/${installation.devices[0]}/commands`, action: "status", status: 401, count: 50 });
	const ids = await click(installation, [{ device: installation.devices[0] }]);

	await generation(installation, 2);
	await waitFor(async () => (await callsOf(installation, /commands$/)).length >= 2, { what: "the second attempt" });
	// A loop would make many refreshes in three seconds.
	const until = Date.now() + 3000;

	await waitFor(() => Date.now() > until);
	assert.ok((await callsOf(installation, /oauth\/token/)).length <= 2);
	await stack.control("DELETE", "faults");
	await finished(ids);
});

/** Lock its token, so that no answer to a refresh can be stored. */
const lockToken = ({ id }) => RowLock.take(stack, `SELECT FROM token WHERE installation_id = ${quote(id)} FOR UPDATE`);

test("a worker killed between the platform's answer and the database loses no token", async () => {
	const installation = await newInstallation();
	const pid = await workerPid();

	const lock = await lockToken(installation);

	try {
		await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}`);
		await wake();
		await waitFor(() => spooled(installation).length === 1, { timeoutMs: 60000, what: "the answer on the disk" });
		process.kill(pid, "SIGKILL");
	} finally {
		await lock.release();
	}
	const file = readFileSync(path.join(stack.stateDir, "spool", spooled(installation)[0]));

	assert.doesNotMatch(file.toString("latin1"), /access_token|refresh_token/);
	await generation(installation, 2);
	assert.equal(spooled(installation).length, 1);
	assert.equal((await rowOf(installation)).status, "active");
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
});

test("a database that is away when the platform answers a refresh loses no token", async () => {
	const installation = await newInstallation();
	const postmaster = Number(readFileSync(path.join(stack.stateDir, "postgres/postmaster.pid"), "utf8").split("\n")[0]);

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 1000, afterEffect: true });
	await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}`);
	await wake();
	await waitFor(async () => (await sql(`SELECT lease FROM work WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}`)) !== "", { what: "the claim" });
	const backends = (await sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'")).split("\n").map(Number);

	// The stopped postmaster accepts no new connection; the worker's are ended.
	process.kill(postmaster, "SIGSTOP");
	try {
		for (const backend of backends)
			process.kill(backend, "SIGTERM");
		await waitFor(() => spooled(installation).length === 1, { timeoutMs: 30000, what: "the answer on the disk" });
	} finally {
		process.kill(postmaster, "SIGCONT");
	}
	await generation(installation, 2);
	assert.equal(spooled(installation).length, 1);
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
});

test("an answer to a refresh that neither disk nor database takes is kept in memory until one does", async () => {
	const installation = await newInstallation();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await startWorker(stack);

	try {
		rmSync(path.join(worker.stateDir, "spool"), { recursive: true });
		const lock = await lockToken(installation);

		try {
			await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}; NOTIFY switchboard_work`);
			await waitFor(() => /event=token\.refresh .*stored=no spooled=no/.test(worker.log), { timeoutMs: 60000, what: "an answer that nothing took" });
		} finally {
			await lock.release();
		}
		await generation(installation, 2);
	} finally {
		assert.equal(await worker.stop(), 0);
		process.kill(first, "SIGCONT");
	}
});

/** Extend all claims to an hour, so that none ends by its lease. */
const holdClaims = (installation) => sql(`UPDATE work SET run_at = now() + interval '1 hour'
		WHERE (lease IS NOT NULL OR kind = 'command') AND installation_id = ${quote(installation.id)};
	UPDATE command SET claimed_until = now() + interval '1 hour' WHERE claimed_until IS NOT NULL AND installation_id = ${quote(installation.id)}`);

const faultsLeft = async () => (await stack.control("GET", "faults")).faults.length;

/** Let a call of each kind hang, then stop the stack's worker, which has claimed all three; returns the command ids. */
async function stopWithClaims(installation, pid) {
	for (const [method, where] of [["GET", "/devices"], ["POST", "/oauth/token"], ["POST", `/devices/${installation.devices[0]}/commands`]])
		await stack.control("POST", "faults", { method, path: where, action: "hang" });
	await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)};
		SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	const ids = await click(installation, [{ device: installation.devices[0] }]);

	await waitFor(async () => await faultsLeft() === 0, { what: "the calls to be made" });
	process.kill(pid, "SIGSTOP");
	await holdClaims(installation);
	await sql(`UPDATE command SET deadline_at = now() + interval '1 hour' WHERE installation_id = ${quote(installation.id)}`);
	return ids;
}

const claims = (installation) => stack.rows(`SELECT kind AS what, lease AS claimed_by, run_at AS claimed_until FROM work
		WHERE lease IS NOT NULL AND installation_id = ${quote(installation.id)}
	UNION ALL SELECT 'command', claimed_by, claimed_until FROM command WHERE installation_id = ${quote(installation.id)} ORDER BY 1`);

test("what a killed worker had claimed is done by the next worker on its state directory", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "calls/reset", {});
	const pid = await workerPid();
	const ids = await stopWithClaims(installation, pid);
	const held = await claims(installation);

	assert.deepEqual(held.map(({ what }) => what), ["command", "device_sync", "refresh"]);
	assert.equal(new Set(held.map(({ claimed_by }) => claimed_by)).size, 1);
	process.kill(pid, "SIGKILL");
	await untilIdle(installation);
	await generation(installation, 2);
	const [row] = await finished(ids);

	assert.deepEqual([row.status, row.attempts], ["confirmed", 2]);
	assert.equal((await callsOf(installation, /oauth\/token/)).filter(({ status }) => status === 200).length, 1);
	assert.equal(await sql(`SELECT count(*) FROM worker WHERE worker_id = ${quote(held[0].claimed_by)}`), "0");
	assert.match(stack.log("worker"), new RegExp(`event=worker\\.died worker=${held[0].claimed_by} claims=3`));
});

test("the claims of a worker that hangs, or has another state directory, last until their leases end", async () => {
	const installation = await newInstallation();
	const first = await workerPid();

	await stopWithClaims(installation, first);
	const held = await claims(installation);
	const same = await startWorker(stack, { SWITCHBOARD_STATE_DIR: stack.stateDir });
	const elsewhere = await startWorker(stack);

	try {
		// A worker releases the claims of dead ones before it claims anything: one that has done a command has tried.
		for (const worker of [same, elsewhere]) {
			process.kill((worker === same ? elsewhere : same).pid, "SIGSTOP");
			assert.equal((await finished(await click(installation, [{ device: installation.devices[1] }])))[0].status, "confirmed");
			process.kill((worker === same ? elsewhere : same).pid, "SIGCONT");
		}
		assert.deepEqual(await claims(installation).then((rows) => rows.filter(({ claimed_by }) => claimed_by !== null)), held);
	} finally {
		assert.equal(await same.stop(), 0);
		assert.equal(await elsewhere.stop(), 0);
		process.kill(first, "SIGKILL");
	}
	await untilIdle(installation);
	await generation(installation, 2);
});

test("a worker that loses the database releases the jobs that it drops", async () => {
	const installation = await newInstallation();
	const postmaster = Number(readFileSync(path.join(stack.stateDir, "postgres/postmaster.pid"), "utf8").split("\n")[0]);

	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "slow", delayMs: 1500 });
	await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	await wake();
	await waitFor(async () => await faultsLeft() === 0, { what: "the call" });
	await holdClaims(installation);
	const backends = (await sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'")).split("\n").map(Number);
	const dropped = () => stack.log("worker").split(`event=job.dropped installation=${installation.id}`).length;
	const before = dropped();

	process.kill(postmaster, "SIGSTOP");
	try {
		for (const backend of backends)
			process.kill(backend, "SIGTERM");
		await waitFor(() => dropped() > before, { timeoutMs: 20000, what: "the job to be dropped" });
	} finally {
		process.kill(postmaster, "SIGCONT");
	}
	await untilIdle(installation);
	assert.equal((await rowOf(installation)).sync_state, "done");
});

test("disconnecting uninstalls the app at the platform and deletes the tokens", async () => {
	for (const expired of [false, true]) {
		const installation = await newInstallation();

		if (expired)
			await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
		assert.equal(await sql(`SELECT installation_disconnect(${installation.user}, ${quote(installation.id)}); NOTIFY switchboard_work`), "t");
		await waitFor(async () => (await token(installation)) === undefined, { what: "the token to be gone" });
		const { installedApps } = await stack.control("GET", "state");

		assert.equal(installedApps.some(({ installedAppId }) => installedAppId === installation.id), false);
		assert.equal((await rowOf(installation)).status, "removed");
		await untilIdle(installation);
	}
});

test("a location linked again after an uninstall that was not reported has one installation", async () => {
	const dead = await newInstallation();

	await stack.control("POST", "settings", { hold: true });
	await stack.control("POST", "uninstall", { installedAppId: dead.id });
	const installation = await linked({ ...dead });

	assert.notEqual(installation.id, dead.id);
	assert.deepEqual(await sql(`SELECT string_agg(installation_id, ' ') FROM installation WHERE location_id = ${quote(dead.location)} AND status <> 'removed'`),
		installation.id);
	assert.equal(await token(dead), undefined);
	assert.deepEqual((await switches(dead)).length, 0);
	await stack.control("POST", "settings", { hold: false });
	assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
});

test("linking again while the uninstall is about to erase keeps the new tokens", async () => {
	const installation = await newInstallation();
	const { owner_id: owner } = await rowOf(installation);

	await stack.control("POST", "faults", { method: "DELETE", path: `/installedapps/${installation.id}`, action: "slow", delayMs: 1000 });
	await sql(`SELECT installation_disconnect(${installation.user}, ${quote(installation.id)}); NOTIFY switchboard_work`);
	// A link that has the row, and commits when the worker waits for it.
	await sql(`BEGIN;
		SELECT 1 FROM installation WHERE installation_id = ${quote(installation.id)} FOR UPDATE;
		DO $$ BEGIN
			FOR i IN 1..600 LOOP
				EXIT WHEN EXISTS (SELECT 1 FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid)));
				PERFORM pg_sleep(0.05);
			END LOOP;
		END $$;
		SELECT installation_link_owner(${quote(installation.id)}, ${quote(owner)}, NULL, 'new', 'new', 'none', 86400, NULL,
			sha256('new'), NULL, NULL, 'open');
		COMMIT`);
	await waitFor(async () => (await sql(`SELECT count(*) FROM work WHERE installation_id = ${quote(installation.id)}
		AND kind = 'uninstall'`)) === "0", { what: "the end of the uninstall" });
	assert.equal(await sql(`SELECT count(*) FROM token WHERE installation_id = ${quote(installation.id)}`), "1");
	assert.notEqual((await rowOf(installation)).status, "removed");
	await sql(`SELECT installation_erase(${quote(installation.id)}, false)`);
});

test("disconnecting an installation whose tokens are invalid deletes them as well", async () => {
	const installation = await newInstallation();

	await stack.control("POST", "tokens/revoke", { installedAppId: installation.id });
	await sql(`SELECT installation_disconnect(${installation.user}, ${quote(installation.id)}); NOTIFY switchboard_work`);
	await waitFor(async () => (await token(installation)) === undefined, { what: "the token to be gone" });
	await untilIdle(installation);
});

test("a 429 pauses the syncs of that installation for its Retry-After, and no other's", async () => {
	const installation = await newInstallation();
	const other = await newInstallation();

	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "status", status: 429, retryAfter: 2 });
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
	await wake();
	await waitFor(async () => (await callsOf(installation, /^GET \/devices$/)).length === 1, { what: "the 429" });
	await runJob(other, "device_sync");
	assert.equal((await callsOf(installation, /^GET \/devices$/)).length, 1);
	await untilIdle(installation);
	const [first, second] = (await callsOf(installation, /^GET \/devices$/)).map(({ at }) => Date.parse(at));

	assert.ok(second - first >= 1900, `${second - first} ms between the calls`);
});

/** Call "action" once for each of these workers while the others are stopped. */
async function withEachAlone(pids, action) {
	for (const pid of pids) {
		const others = pids.filter((other) => other !== pid);

		others.forEach((other) => process.kill(other, "SIGSTOP"));
		try {
			await action();
		} finally {
			others.forEach((other) => process.kill(other, "SIGCONT"));
		}
	}
}

test("the pause after a 429 holds for all workers, and after a restart", async () => {
	const installation = await newInstallation();
	const other = await newInstallation();
	const [limited] = installation.devices;
	const second = await startWorker(stack);
	const retryAfter = 3600;

	try {
		// Tokens that tests before this one had refused are asked about again.
		await sql("UPDATE work SET run_at = now() + interval '1 day' WHERE kind = 'refresh' AND lease IS NULL");
		await waitFor(async () => (await sql("SELECT count(*) FROM work WHERE kind = 'refresh' AND lease IS NOT NULL")) === "0",
			{ what: "other refreshes to end" });
		await stack.control("POST", "calls/reset", {});
		for (const [method, where] of [["GET", "/devices"], ["POST", `/devices/${limited}/commands`], ["POST", "/oauth/token"]])
			await stack.control("POST", "faults", { method, path: where, action: "status", status: 429, retryAfter });
		await sql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)};
			SELECT work_put(${quote(installation.id)}, 'device_sync', 1)`);
		await click(installation, [{ device: limited }]);
		await waitFor(async () => await sql(`SELECT count(*) FROM pause WHERE installation_id = ${quote(installation.id)}`) === "3",
			{ what: "the three answers" });

		// The log has no installation for a refused refresh; others' tokens were put off above.
		const limitedCalls = async () => (await stack.control("GET", "calls")).log.filter(({ installedAppId, path: where }) =>
			(installedAppId === installation.id && /\/(devices|commands)$/.test(where)) || where.endsWith("/oauth/token"))
			.map(({ method, path: where }) => `${method} ${where}`).sort();
		const before = await limitedCalls();

		assert.equal(before.length, 3);
		// All three are requested again, and due.
		const [id] = await click(installation, [{ device: limited, command: "off" }]);
		let clicks = 0;
		const requestAgain = async () => {
			await sql(`DELETE FROM work WHERE installation_id = ${quote(installation.id)} AND kind IN ('device_sync', 'refresh');
				SELECT work_put(${quote(installation.id)}, 'device_sync', 0), work_put_refresh(${quote(installation.id)}, 0, now());
				UPDATE command SET run_at = now(), deadline_at = now() + interval '1 hour' WHERE command_id = ${quote(id)};
				UPDATE work SET run_at = now() WHERE installation_id = ${quote(installation.id)} AND kind = 'command';
				SELECT work_put(${quote(other.id)}, 'device_sync', 1); NOTIFY switchboard_work`);
			await untilIdle(other);
			// On, off, on: a command for the state that a switch has already causes no event.
			const [row] = await finished(await click(other, [{ device: other.devices[0], command: clicks++ % 2 ? "off" : "on" }]));

			assert.deepEqual([row.status, row.error], ["confirmed", null]);
		};

		await withEachAlone([await workerPid(), second.pid], requestAgain);
		assert.deepEqual(await limitedCalls(), before);
		process.kill(await workerPid(), "SIGKILL");
		process.kill(second.pid, "SIGSTOP");
		await requestAgain();
		process.kill(second.pid, "SIGCONT");
		assert.deepEqual(await limitedCalls(), before);
		await sql(`DELETE FROM pause WHERE installation_id = ${quote(installation.id)};
			UPDATE work SET run_at = now() WHERE installation_id = ${quote(installation.id)} AND kind <> 'subscription_sync'; NOTIFY switchboard_work`);
		await untilIdle(installation);
		await generation(installation, 2);
		assert.equal((await finished([id]))[0].status, "confirmed");
		assert.equal((await limitedCalls()).length, 6);
	} finally {
		await second.stop();
	}
});

test("the published limits of subscription calls hold for all workers together, and after a restart", async () => {
	const installation = await newInstallation();
	const second = await startWorker(stack);
	const counted = async () => (await callsOf(installation, /subscriptions/)).length;
	const error = async () => sql(`SELECT last_error FROM work
		WHERE installation_id = ${quote(installation.id)} AND kind = 'subscription_sync' AND run_at > now() AND lease IS NULL`);
	const isOpen = async () => sql(`SELECT count(*) FROM work WHERE installation_id = ${quote(installation.id)} AND ${JOB_IS_OPEN}`);

	try {
		await stack.control("POST", "calls/reset", {});
		await stack.control("POST", "settings", { rateLimits: true });
		for (let i = 0; i < 20 && await error() === ""; i++) {
			await sql(`SELECT work_put(${quote(installation.id)}, 'subscription_sync', 1); NOTIFY switchboard_work`);
			await waitFor(async () => await error() !== "" || await isOpen() === "0", { what: "the job to be done or postponed" });
		}
		assert.equal(await error(), "limit");
		assert.deepEqual(new Set((await callsOf(installation, /subscriptions/)).map(({ status }) => status)), new Set([200]), "never a 429");
		const before = await counted();

		assert.ok(before > 5 && before <= 15, `${before} calls`);
		process.kill(await workerPid(), "SIGKILL");
		process.kill(second.pid, "SIGSTOP");
		await sql(`UPDATE work SET run_at = now(), last_error = NULL WHERE installation_id = ${quote(installation.id)} AND kind = 'subscription_sync'; NOTIFY switchboard_work`);
		await waitFor(async () => await error() === "limit", { what: "the next worker to read the job" });
		process.kill(second.pid, "SIGCONT");
		assert.equal(await counted(), before);
	} finally {
		process.kill(second.pid, "SIGCONT");
		await second.stop();
	}
});

test("no more subscriptions are created than the platform's limit allows", async () => {
	const installation = await newInstallation();
	const personal = await stack.control("POST", "personal-token", { accountId: (await rowOf(installation)).owner_id });

	// Two of the forty are left; the other two subscriptions are created when the limit allows it.
	await sql(`UPDATE call_pace SET made_at = array_fill(now(), ARRAY[38])
		WHERE installation_id = ${quote(installation.id)} AND kind = 'subscription_create'`);
	await request(`${stack.simulatorUrl}/v1/installedapps/${installation.id}/subscriptions`,
		{ method: "DELETE", headers: { Authorization: `Bearer ${personal.token}` } });
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT work_put(${quote(installation.id)}, 'subscription_sync', 1); NOTIFY switchboard_work`);
	await waitFor(async () => await sql(`SELECT last_error FROM work WHERE installation_id = ${quote(installation.id)}
		AND kind = 'subscription_sync'`) === "limit", { what: "the job to be postponed" });
	assert.equal((await callsOf(installation, /^POST .*subscriptions$/)).length, 2);
	await sql(`DELETE FROM call_pace WHERE installation_id = ${quote(installation.id)};
		UPDATE work SET run_at = now() WHERE installation_id = ${quote(installation.id)} AND kind = 'subscription_sync'; NOTIFY switchboard_work`);
	await untilIdle(installation);
	assert.equal((await callsOf(installation, /^POST .*subscriptions$/)).length, 4);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(installation.id)}`), "4");
});

test("two workers share the work and send no command twice", async () => {
	const installation = await newInstallation(Array.from({ length: 24 }, (_, n) => lamp(`Lamp ${n}`)));
	const second = await startWorker(stack);

	try {
		await waitFor(async () => (await sql("SELECT count(*) FROM worker WHERE seen_at > now() - interval '10 seconds'")) >= 2);
		await stack.control("POST", "calls/reset", {});
		const rows = await finished(await click(installation, installation.devices.map((device) => ({ device }))));

		assert.deepEqual(rows.filter(({ status }) => status !== "confirmed"), []);
		assert.equal((await callsOf(installation, /commands$/)).length, 24);
		await stack.control("POST", "calls/reset", {});
		await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
		await finished(await click(installation, installation.devices.map((device) => ({ device, command: "off" }))));
		assert.equal((await callsOf(installation, /oauth\/token/)).length, 1);
	} finally {
		assert.equal(await second.stop(), 0);
	}
});

test("after SIGTERM a worker finishes and records the calls that are in flight", async () => {
	const installation = await newInstallation();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await startWorker(stack);

	try {
		await stack.control("POST", "faults", { path: `/devices/${installation.devices[0]}/commands`, action: "slow", delayMs: 1500, afterEffect: true });
		const ids = await click(installation, [{ device: installation.devices[0] }]);

		await waitFor(async () => (await callsOf(installation)).length >= 0 && (await commands(ids))[0].status !== "requested", { what: "the claim" });
		assert.equal(await worker.stop(), 0);
		assert.match((await commands(ids))[0].status, /^(accepted|confirmed)$/);
		assert.equal((await commands(ids))[0].attempts, 1);
	} finally {
		process.kill(first, "SIGCONT");
	}
});

test("over the monthly budget syncs wait and commands are sent", async () => {
	const installation = await newInstallation();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await startWorker(stack, { SWITCHBOARD_CALL_BUDGET: "1" });

	try {
		await stack.control("POST", "calls/reset", {});
		await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1); NOTIFY switchboard_work`);
		await waitFor(async () => /used up/.test((await rowOf(installation)).sync_error ?? ""), { what: "the sync to be deferred" });
		assert.deepEqual(await callsOf(installation), []);
		assert.equal((await finished(await click(installation, [{ device: installation.devices[0] }])))[0].status, "confirmed");
		assert.match(worker.log, /event=api\.budget/);
	} finally {
		await worker.stop();
		process.kill(first, "SIGCONT");
		await sql(`DELETE FROM work WHERE installation_id = ${quote(installation.id)} AND kind = 'device_sync'`);
	}
});

/** Run "body" with one worker, which has a budget; what installations are said to have used already is forgotten afterwards. */
async function withBudget(budget, used, body) {
	const first = await workerPid();
	const month = "date_trunc('month', now() AT TIME ZONE 'UTC')";
	const total = await sql("SELECT api_calls_this_month()");

	process.kill(first, "SIGSTOP");
	for (const { id, calls, inTotal } of used)
		await sql(`INSERT INTO api_call_installation (installation_id, month, calls) VALUES (${quote(id)}, ${month}, ${calls})
			ON CONFLICT (installation_id) DO UPDATE SET month = excluded.month, calls = excluded.calls;
			INSERT INTO api_call_total (month, calls) VALUES (${month}, ${inTotal})
			ON CONFLICT (month) DO UPDATE SET calls = api_call_total.calls + excluded.calls`);
	const worker = await startWorker(stack, { SWITCHBOARD_CALL_BUDGET: String(budget) });

	try {
		await stack.control("POST", "calls/reset", {});
		await body(worker);
	} finally {
		await worker.stop();
		await sql(`UPDATE api_call_total SET calls = ${total} WHERE month = ${month};
			DELETE FROM api_call_installation WHERE installation_id IN (${used.map(({ id }) => quote(id)).join()});
			DELETE FROM work WHERE installation_id IN (${used.map(({ id }) => quote(id)).join()}) AND kind = 'device_sync'`);
		process.kill(first, "SIGCONT");
	}
}

test("an installation that has used up the month's calls stops its own syncs and nobody else's", async () => {
	const greedy = await newInstallation();
	const modest = await newInstallation();
	const coming = await newInstallation(undefined, { link: false });
	const budget = 1e9;

	await withBudget(budget, [{ id: greedy.id, calls: budget, inTotal: budget }], async (worker) => {
		await sql(`SELECT work_put(${quote(greedy.id)}, 'device_sync', 1); NOTIFY switchboard_work`);
		await waitFor(async () => /share of the month.*used up/.test((await stack.request("/", { jar: greedy.jar })).text),
			{ what: "its page to say why" });
		await waitFor(() => new RegExp(`event=api\\.budget .*installation=${greedy.id} `).test(worker.log), { what: "a line in the log" });
		assert.deepEqual(await callsOf(greedy), []);
		assert.equal((await finished(await click(greedy, [{ device: greedy.devices[0] }])))[0].status, "confirmed");

		const before = (await rowOf(modest)).synced_at;

		await runJob(modest, "device_sync");
		assert.notEqual((await rowOf(modest)).synced_at, before);
		assert.equal((await rowOf(modest)).sync_state, "done");

		await linked(coming);
		assert.equal((await rowOf(coming)).sync_state, "done");
		assert.deepEqual((await switches(coming)).map(({ name }) => name), ["One", "Two"]);
	});
});

test("with all calls used up by everybody a first sync and clicks go on", async () => {
	const installation = await newInstallation();
	const coming = await newInstallation(undefined, { link: false });

	// Whatever is divided by more installations than there are calls: the first call uses up the share.
	await withBudget(1, [{ id: installation.id, calls: 10, inTotal: 10 }], async () => {
		await sql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1); NOTIFY switchboard_work`);
		await waitFor(async () => /used up/.test((await rowOf(installation)).sync_error ?? ""), { what: "the sync to be deferred" });
		await linked(coming);
		assert.equal((await rowOf(coming)).sync_state, "done");
		assert.equal((await finished(await click(coming, [{ device: coming.devices[0] }])))[0].status, "confirmed");
	});
});

test("what others leave of the month's calls goes to an installation beyond its share", async () => {
	const greedy = await newInstallation();
	// So large that all calls of these tests are less than what a second of the month amounts to.
	const budget = 1e14;

	await withBudget(budget, [{ id: greedy.id, calls: budget, inTotal: 0 }], async () => {
		const before = (await rowOf(greedy)).synced_at;

		await runJob(greedy, "device_sync");
		assert.notEqual((await rowOf(greedy)).synced_at, before);
	});
});

test("a worker starts and keeps running without a database", async () => {
	const worker = await startWorker(stack, { SWITCHBOARD_DATABASE_URL: "postgresql://nobody@/none?host=/nonexistent",
		SWITCHBOARD_DATABASE_URL_FILE: undefined });

	await waitFor(() => /event=worker\.database state=down/.test(worker.log), { what: "the database to be missed" });
	assert.equal(await worker.stop(), 0);
});

test("a database URL that libpq cannot parse ends with one clear line and exit 78", async () => {
	const worker = await startWorker(stack, { SWITCHBOARD_DATABASE_URL: "postgresql://u:hidden@/x?nonsense=1",
		SWITCHBOARD_DATABASE_URL_FILE: undefined }, { ready: false });

	assert.equal(await worker.ended, 78);
	assert.match(worker.log, /^[^\n]*SWITCHBOARD_DATABASE_URL[^\n]*\n$/);
	assert.ok(!worker.log.includes("hidden"));
	rmSync(worker.stateDir, { recursive: true, force: true });
});

test("a state directory that cannot be used ends with one clear line and exit 78", async () => {
	const worker = await startWorker(stack, { SWITCHBOARD_STATE_DIR: "/proc/none" }, { ready: false });

	assert.equal(await worker.ended, 78);
	assert.match(worker.log, /^switchboard-worker: SWITCHBOARD_STATE_DIR: [^\n]+\n$/);
	await worker.stop();
});

test("all calls reach the platform by the protocol that is tested", async () => {
	const { log } = await stack.control("GET", "calls");

	assert.ok(log.length > 0);
	assert.deepEqual([...new Set(log.map(({ protocol }) => protocol))], [stack.protocol]);
});

test("no token is in the worker's log", async () => {
	const simulated = readFileSync(path.join(stack.stateDir, "simulator/state.json"), "utf8");
	const tokens = [...Object.keys(JSON.parse(simulated).tokens), ...Object.keys(JSON.parse(simulated).refreshTokens)];
	const log = stack.log("worker");

	assert.ok(tokens.length > 10);
	assert.deepEqual(tokens.filter((text) => log.includes(text)), []);
});
